import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "build", "docs", "demo", "node_modules"] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        Buffer: "readonly",
        AbortController: "readonly",
        URL: "readonly",
        setTimeout: "readonly",
        clearTimeout: "readonly",
      },
    },
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  // the page of a browser is compiled with the rest, so that its globals have types everywhere
  {
    files: ["lib/**/*.ts"],
    ignores: ["lib/serve/page/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        "document",
        "window",
        "self",
        "location",
        "history",
        "name",
        "status",
        "event",
      ],
    },
  },
  // CommonJS
  {
    files: ["**/*.cts", "**/*.cjs", "scripts/deploy/jest/*.js"],
    languageOptions: { globals: { require: "readonly" } },
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
);
