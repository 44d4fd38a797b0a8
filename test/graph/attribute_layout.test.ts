// Attributes of an op are encoded as numbers in the order of its layout, and values that do not fit the layout are
// refused.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoClipError } from "#lib/base/errors.js";
import { encodeAttributes, layout } from "#lib/graph/attribute_layout.js";

const test = suite("layout of attributes");

test("fields become numbers in the order of the layout", () => {
  const op = {
    name: "made_up",
    layout: layout({ groups: "int", eps: "float", relu: "bool", kernel: "int[3]", mean: "float[2]", split: "int[]" }),
  };
  const attrs = { split: [4, 5], mean: [0.5, 0.25], kernel: [1, 2, 3], relu: true, eps: 1e-5, groups: 2 };
  assert.equal(encodeAttributes(op, attrs, []), [2, 1e-5, 1, 1, 2, 3, 0.5, 0.25, 4, 5]);
  assert.equal(encodeAttributes(op, { ...attrs, relu: false, split: [] }, []), [2, 1e-5, 0, 1, 2, 3, 0.5, 0.25]);
});

test("values can be derived from attributes and from shapes of inputs", () => {
  const op = {
    name: "made_up",
    layout: layout({ outer: "int", last: "bool" }, ({ axis }: { axis: number }, [x]) => ({
      outer: x!.shape[axis],
      last: axis === x!.shape.length - 1,
      unknown: "is not encoded",
    })),
  };
  assert.equal(encodeAttributes(op, { axis: 1 }, [{ shape: [2, 7] }]), [7, 1]);
});

test("an op without a layout encodes nothing", () => {
  assert.equal(encodeAttributes({ name: "made_up" }, { eps: 1 }, []), []);
});

test("the error for a value that does not fit its field names it", () => {
  const fits = { count: 1, eps: 0.5, flag: true, kernel: [1, 2, 3], split: [1] };
  const op = {
    name: "made_up",
    layout: layout({ count: "int", eps: "float", flag: "bool", kernel: "int[3]", split: "int[]" }),
  };
  assert.is(encodeAttributes(op, fits, []).length, 7);
  const wrong: [string, unknown][] = [
    ["count", 1.5],
    ["count", NaN],
    ["count", undefined],
    ["count", 2 ** 53],
    ["count", [1]],
    ["eps", "0.5"],
    ["flag", 1],
    ["kernel", [1, 2]],
    ["kernel", [1, 2, 3, 4]],
    ["kernel", [1, 2, 0.5]],
    ["kernel", 3],
    ["split", [1.5]],
    ["split", 1],
  ];
  for (const [name, value] of wrong) {
    assert.throws(
      () => encodeAttributes(op, { ...fits, [name]: value } as never, []),
      (error: unknown) =>
        error instanceof VideoClipError &&
        error.code === "ERR_INTERNAL" &&
        error.details.argument === name &&
        error.message.startsWith(`made_up: attribute ${name}: expected `),
      `${name} ${String(value)}`,
    );
  }
  assert.equal(encodeAttributes(op, { ...fits, eps: Infinity }, [])[1], Infinity);
});

test("a list of any length is last", () => {
  assert.throws(
    () => layout({ split: "int[]", groups: "int" }),
    (error: unknown) => error instanceof VideoClipError && error.code === "ERR_INTERNAL",
  );
});

test.run();
