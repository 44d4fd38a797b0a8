/** The version of the package; the same as in package.json, by test. A constant, so that it is there in a bundle too. */
export const VERSION = "0.1.0";
