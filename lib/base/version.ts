/** The version of the package; a test compares it with package.json. It is a constant, so that bundles contain it. */
export const VERSION = "0.1.0";
