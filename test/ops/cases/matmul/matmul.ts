import { matmul, type MatmulAttrs } from "#lib/ops/matmul/matmul.js";
import { defineCases } from "../case_table.js";

const forms = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));

const label = ({ transposeA, transposeB }: MatmulAttrs) => `${transposeA ? "aᵀ" : "a"} ${transposeB ? "bᵀ" : "b"}`;

const stored = (batch: number[], rows: number, columns: number, transposed: boolean) => [
  ...batch,
  ...(transposed ? [columns, rows] : [rows, columns]),
];

/** A case of `[batch, M, K]` by `[batch, K, N]`, or `[K, N]` when `shared`, in small integers. */
function product(name: string, size: [number[], number, number, number], attrs: MatmulAttrs, shared = false) {
  const [batch, M, K, N] = size;
  return {
    name: `${name}, ${label(attrs)}`,
    inputs: [
      { shape: stored(batch, M, K, attrs.transposeA), integer: 3 },
      { shape: stored(shared ? [] : batch, K, N, attrs.transposeB), integer: 3 },
    ],
    attrs,
  };
}

defineCases(matmul, [
  product("one", [[], 1, 1, 1], forms[0]),
  ...forms.flatMap((form) => [
    product("odd", [[2], 17, 13, 37], form),
    product("vectors", [[], 40, 72, 24], form),
    product("tiles", [[], 136, 40, 144], form),
    product("several chunks of K", [[2], 16, 600, 40], form),
    product("one b for all", [[2, 3], 5, 31, 7], form, true),
    {
      name: `random, ${label(form)}`,
      inputs: [{ shape: stored([3], 8, 40, form.transposeA) }, { shape: stored([3], 40, 16, form.transposeB) }],
      attrs: form,
    },
  ]),
  product("many rows into few", [[], 8, 4100, 16], { transposeA: true, transposeB: false }),
  product("a row", [[2], 1, 80, 33], forms[0]),
]);
