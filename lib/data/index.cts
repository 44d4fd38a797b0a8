import commonjs = require("../commonjs.cjs");
export = commonjs.load("data/index.js");
