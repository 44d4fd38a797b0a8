import commonjs = require("../commonjs.cjs");
export = commonjs.load("weights/index.js");
