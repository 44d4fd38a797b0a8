import commonjs = require("../commonjs.cjs");
export = commonjs.load("eval/index.js");
