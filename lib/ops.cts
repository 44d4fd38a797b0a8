import commonjs = require("./commonjs.cjs");
export = commonjs.load("ops.js");
