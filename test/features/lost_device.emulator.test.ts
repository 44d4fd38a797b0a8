// A GPU that is lost during an extraction ends the run: finished videos are saved, no video is recorded as failed, and a
// later run goes on. The device stays lost, so this file has one test.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { loadAddon } from "#lib/runtime/binding.js";
import { jsonLines } from "../support/command_line.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { extractTiny, features, makeVideos, tinyCases, tinyEncoder } from "./tiny_extraction.js";

const test = suite("lost device");

test("a lost GPU ends an extraction, which goes on later", async () => {
  const root = temporaryFolder("lost-device");
  const made = join(root, "made");
  const names = ["a.mp4", "b.mp4", "c.mp4"];
  await makeVideos(made, names);
  const options = { model: "s3d-tiny", preset: "shapes", randomWeights: 1, device: "cuda-emulated" } as const;
  const gpu = await VideoEncoder.load({ ...options, batch: 1 });
  const onGpu = tinyCases(root, made, () => gpu)(...names);
  const error = await rejection(
    onGpu.run({
      decoders: 1,
      onEvent: ({ type }: { type: string }) => {
        if (type === "end") loadAddon().addon.emulator!.loseDevice();
      },
    }),
  );
  gpu.dispose();
  assert.is(error.code, "ERR_DEVICE_LOST", error.message);
  assert.match(error.message, /CUDA_ERROR_ILLEGAL_ADDRESS.*what was finished is saved; go on with --resume/);
  const failures = join(onGpu.out, "failures.jsonl");
  assert.is(existsSync(failures) ? readFileSync(failures, "utf8") : "", "");
  const saved = features(onGpu.out);
  assert.ok(saved.length >= 1 && saved.length < 3, saved.join());

  const cpu = await tinyEncoder();
  const rest = await extractTiny(cpu, [onGpu.videos], onGpu.out, { resume: true });
  cpu.dispose();
  assert.is(rest.videos + saved.length, 3);
  assert.is(jsonLines(onGpu.manifest).length, 3);
});

test.run();
