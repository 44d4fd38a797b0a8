import commonjs = require("./commonjs.cjs");
export = commonjs.load("index.js");
