// The generated world: the held-out rule, captions that name every attribute, frames that agree with captions.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { shuffleFrames } from "../../shapes/controls.js";
import { RATE, SIDE } from "../../shapes/render.js";
import { heldOutCandidates, longVideos, motionGroups, renderSeconds, trainingVideo } from "../../shapes/videos.js";
import { COLOURS, describe, EVENTS, isHeldOut, MOTIONS, SHAPES, vocabulary } from "../../shapes/world.js";

const test = suite("shapes");

test("a fifth of the combinations is held out, and every pair of attributes is trained on", () => {
  const held = EVENTS.filter(isHeldOut);
  assert.is(EVENTS.length, 1440);
  assert.ok(held.length >= 256 && held.length < 300, `${held.length}`);
  const seen = new Set(
    EVENTS.filter((e) => !isHeldOut(e)).flatMap((e) => [
      `${e.colour} ${e.shape}`,
      `${e.colour} ${e.motion}`,
      `${e.shape} ${e.motion}`,
    ]),
  );
  for (const colour of COLOURS) {
    for (const shape of SHAPES) assert.ok(seen.has(`${colour} ${shape}`));
    for (const motion of MOTIONS) assert.ok(seen.has(`${colour} ${motion}`));
  }
  for (const shape of SHAPES) for (const motion of MOTIONS) assert.ok(seen.has(`${shape} ${motion}`));
});

test("training videos have no held-out combination, and evaluation videos have no other", () => {
  for (let i = 0; i < 2000; i++) {
    const { events, seconds } = trainingVideo(1, i);
    assert.ok(events.length >= 2);
    for (const { event, start, end } of events) {
      assert.not(isHeldOut(event));
      assert.ok(end - start >= 3 && end <= seconds);
    }
  }
  const candidates = heldOutCandidates(3);
  assert.is(new Set(candidates.map(({ events: [{ event }] }) => JSON.stringify(event))).size, 256);
  for (const video of [...candidates, ...longVideos(3)])
    for (const { event } of video.events) assert.ok(isHeldOut(event));
  for (const group of motionGroups(3)) {
    assert.is(new Set(group.map(({ events: [{ event }] }) => JSON.stringify({ ...event, motion: 0 }))).size, 1);
    assert.is(new Set(group.map(({ events: [{ event }] }) => event.motion)).size, MOTIONS.length);
  }
});

test("captions name colour and shape, and use only words of the vocabulary", () => {
  const words = new Set(vocabulary());
  const texts = new Map<string, string>();
  EVENTS.forEach((event, i) => {
    for (let draw = 0; draw < 5; draw++) {
      const text = describe(event, new Random(draw, 0, i));
      assert.ok(text.includes(event.colour) && text.includes(event.shape), text);
      for (const word of text.split(" ")) assert.ok(words.has(word), word);
      const other = texts.get(text);
      assert.ok(other === undefined || other === JSON.stringify(event), `two events have the same caption: ${text}`);
      texts.set(text, JSON.stringify(event));
    }
  });
});

/** The centre and number of the pixels that differ between a frame and the empty background. */
function blob(frames: Uint8Array, f: number, empty: Uint8Array) {
  let [x, y, count] = [0, 0, 0];
  for (let p = 0; p < SIDE * SIDE; p++) {
    const differs = [0, 1, 2].some((c) => frames[(f * SIDE * SIDE + p) * 3 + c] !== empty[p * 3 + c]);
    if (!differs) continue;
    x += p % SIDE;
    y += Math.floor(p / SIDE);
    count++;
  }
  return { x: x / count, y: y / count, count };
}

test("frames agree with captions: objects move as described, sizes differ, shapes stay inside", () => {
  for (const group of motionGroups(5, 6)) {
    for (const video of group) {
      const frames = renderSeconds(video);
      assert.is(frames.length, 4 * RATE * SIDE * SIDE * 3);
      const empty = renderSeconds({ ...video, events: [] }, 0, 1).subarray(0, SIDE * SIDE * 3);
      const [first, last] = [blob(frames, 3, empty), blob(frames, 4 * RATE - 4, empty)];
      const { motion } = video.events[0].event;
      if (motion === "left") assert.ok(last.x < first.x - 15);
      if (motion === "right") assert.ok(last.x > first.x + 15);
      if (motion === "up") assert.ok(last.y < first.y - 15);
      if (motion === "down") assert.ok(last.y > first.y + 15);
      if (motion === "clockwise") assert.ok(Math.hypot(last.x - first.x, last.y - first.y) < 8);
    }
  }
  const area = (size: "small" | "medium" | "large") => {
    const [video] = motionGroups(5, 1)[0];
    const sized = { ...video, events: [{ ...video.events[0], event: { ...video.events[0].event, motion: "clockwise" as const, size } }] }; // prettier-ignore
    return blob(renderSeconds(sized), 0, renderSeconds({ ...sized, events: [] }, 0, 1)).count;
  };
  assert.ok(area("medium") > 1.8 * area("small") && area("large") > 1.7 * area("medium"));
});

test("a video is a function of seed and index, and a part of it equals that part of the entire video", () => {
  const video = trainingVideo(2, 5);
  assert.equal(trainingVideo(2, 5), video);
  assert.not.equal(trainingVideo(3, 5), video);
  const frame = RATE * SIDE * SIDE * 3;
  assert.equal(renderSeconds(video, 2, 4), renderSeconds(video).slice(2 * frame, 4 * frame));
  const frames = renderSeconds(video, 0, 2);
  const shuffled = shuffleFrames(frames, new Random(1));
  assert.not.equal(shuffled, frames);
  assert.equal([...shuffled].sort(), [...frames].sort());
});

test.run();
