// Every f16 and bf16 value is unchanged by a conversion to float32 and back, and other numbers round to the nearest
// value.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { floatToHalf, fromBits, halfToFloat, halfValues, roundBfloat16, toBfloat16 } from "#lib/base/half_floats.js";

const test = suite("half floats");

const kinds = {
  f16: { to: floatToHalf, from: halfToFloat, infinity: 0x7c00 },
  bf16: { to: toBfloat16, from: (bits: number) => fromBits(bits << 16), infinity: 0x7f80 },
};

for (const [name, { to, from, infinity }] of Object.entries(kinds)) {
  test(`${name}: all values are unchanged, and NaN stays NaN`, () => {
    for (let bits = 0; bits < 1 << 16; bits++) {
      const value = from(bits);
      if ((bits & 0x7fff) > infinity) assert.ok(Number.isNaN(value) && Number.isNaN(from(to(value))), `${bits}`);
      else if (to(value) !== bits) assert.unreachable(`${bits} became ${to(value)}`);
    }
  });

  test(`${name}: rounds to the nearest value, ties to even`, () => {
    for (let bits = 0; bits + 1 < infinity; bits++) {
      const [low, high] = [from(bits), from(bits + 1)];
      const middle = (low + high) / 2; // this and the quarters are float32 values, as both formats have fewer bits
      const nearest = [
        [middle, bits % 2 === 0 ? bits : bits + 1],
        [low + (middle - low) * 0.75, bits],
        [high - (high - middle) * 0.75, bits + 1],
      ];
      for (const [value, want] of nearest) {
        if (to(value) !== want) assert.unreachable(`${value} became ${to(value)}, not ${want}`);
        if (to(-value) !== (want | 0x8000)) assert.unreachable(`${-value} became ${to(-value)}`);
      }
    }
  });
}

test("overflow, zeros and infinities are converted correctly", () => {
  assert.is(floatToHalf(65519), 0x7bff);
  assert.is(floatToHalf(65520), 0x7c00);
  assert.is(floatToHalf(2 ** -25), 0);
  assert.is(floatToHalf(-0), 0x8000);
  assert.is(toBfloat16(3.4e38), 0x7f80);
  assert.is(toBfloat16(-Infinity), 0xff80);
  assert.is(roundBfloat16(1 + 2 ** -9), 1);
});

test("the table of values equals the function", () => {
  const table = halfValues();
  assert.is(table.length, 1 << 16);
  for (let bits = 0; bits < table.length; bits++) assert.ok(Object.is(table[bits], halfToFloat(bits)), `${bits}`);
});

test.run();
