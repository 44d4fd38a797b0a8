import { loadInto } from "../../weights/load_into.js";
import { join } from "node:path";
import { createDevice, type Device, type DeviceOptions } from "../../runtime/device.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { makeFolder } from "../../base/files.js";
import { optimize } from "../../compile/passes/index.js";
import { compile } from "../../runtime/compile.js";
import { ProgramCache } from "../../runtime/program_cache.js";
import { elements, type Tensor } from "../../graph/tensor.js";
import { knownNames, tensor, wrong } from "../../nn/check.js";
import { initialValues } from "../../nn/initial.js";
import type { OnnxModel } from "../../onnx/model.js";
import { type OnnxOptions, toOnnx } from "../../onnx/to_onnx.js";
import { writeSafetensors } from "../../weights/safetensors.js";
import { stored } from "../../weights/tensor.js";
import { rowsFor } from "../buckets.js";
import { describeGraph, type ModelDescription } from "../describe.js";
import {
  type InputDType,
  type InputType,
  inputTypes,
  type ModelInput,
  type OwnArray,
  readInputs,
} from "./model_inputs.js";
import { applyNet, type Net, type NetFacts, netFacts, traceNet } from "./model_net.js";
import { ModelParameters } from "./model_parameters.js";
import { inputsText, loadPretrained, openFileOrFolder, type PretrainedWeights, savedInputs } from "./model_weights.js";

const WEIGHTS = "model.safetensors";

/** Input values of a program that keep its activations near 150 MB. */
const INPUT_VALUES = 2 * 16 * 224 * 224 * 3;
const MAX_ROWS = 256;

/** The device of a model. */
export interface ModelRunOptions extends DeviceOptions {
  /** Maximum examples per program; `run` splits larger batches. Default: by the size of an example, up to 256. */
  batch?: number | undefined;
}

export interface ModelOptions<I extends string = string> extends ModelRunOptions {
  /** Shape of one example of each input without the batch axis, in the order of the net's arguments. */
  inputs: Readonly<Record<I, readonly number[]>>;
  /** Dtypes of inputs. Default f32. */
  dtypes?: Readonly<Partial<Record<I, InputDType | undefined>>> | undefined;
  /** Seed of the initial values. Default 0. */
  seed?: number | undefined;
}

export interface PretrainedModelOptions<I extends string = string> extends ModelOptions<I> {
  /** Weights of the net's encoders by the key of their layer; all other parameters have their initial values. */
  pretrained: Readonly<Record<string, PretrainedWeights>>;
}

export interface LoadModelOptions<I extends string = string> extends ModelRunOptions {
  /** Inputs as for `create`, for a file that `save` has not written, such as a checkpoint of a training. */
  inputs?: Readonly<Record<I, readonly number[]>> | undefined;
  dtypes?: Readonly<Partial<Record<I, InputDType | undefined>>> | undefined;
  /**
   * Keys of the file that the net does not use, besides the counters of PyTorch's BatchNorms. Default: none, so an
   * unexpected key is an error.
   */
  ignore?: RegExp | undefined;
}

export interface ModelOnnxOptions extends OnnxOptions {
  /** Batch size of the ONNX model. Default 1. */
  batch?: number | undefined;
}

/** A result: row-major values with their shape `[N, ...]`. */
export interface ModelOutput {
  data: Float32Array;
  shape: number[];
}

const RUN_OPTIONS = ["device", "threads", "precision", "winograd", "batch"] as const;

/**
 * A model made from the function that describes it (see {@link Net}): its parameters on a device and, from the same
 * function, inference, training (with a `Trainer`), saving and ONNX export.
 */
export class Model<I extends string = string, O extends string = string> {
  /** Type of one example of each input. */
  readonly inputs: Readonly<Record<I, InputType>>;
  /** Shape of each output of one example. */
  readonly outputs: Readonly<Record<O, readonly number[]>>;
  readonly parameters: ModelParameters;
  readonly device: Device;
  readonly #net: Net<O>;
  readonly #types: ReadonlyMap<string, InputType>;
  readonly #facts: NetFacts;
  readonly #batch: number;
  readonly #programs = new ProgramCache();

  private constructor(
    net: Net<O>,
    types: ReadonlyMap<string, InputType>,
    facts: NetFacts,
    device: Device,
    batch: number,
  ) {
    this.#net = net;
    this.#types = types;
    this.#facts = facts;
    this.#batch = batch;
    this.inputs = Object.fromEntries(types) as Record<I, InputType>;
    this.outputs = Object.fromEntries(facts.outputs) as Record<O, readonly number[]>;
    this.device = device;
    this.parameters = new ModelParameters(device.parameters, facts.shapes);
  }

  /**
   * A model with initial values, for training.
   * @throws InvalidArgumentError for options and nets that do not fit; ShapeError with the layer; DeviceError
   */
  static create<const I extends string, const O extends string>(net: Net<O>, options: ModelOptions<I>): Model<I, O> {
    checkOptions("Model.create", options, ["inputs", "dtypes", "seed"]);
    const model = Model.#open<I, O>(net, inputTypes(options.inputs, options.dtypes), options);
    model.#initialize(options.seed);
    return model;
  }

  /**
   * A model whose encoders (see `nn.videoEncoder` and `nn.textEncoder`) have published weights.
   * @throws as {@link create}; WeightsError for a file that does not fit
   */
  static async fromPretrained<const I extends string, const O extends string>(
    net: Net<O>,
    options: PretrainedModelOptions<I>,
  ): Promise<Model<I, O>> {
    checkOptions("Model.fromPretrained", options, ["inputs", "dtypes", "seed", "pretrained"]);
    const { pretrained } = options;
    if (typeof pretrained !== "object" || pretrained === null) {
      throw wrong(
        "Model.fromPretrained",
        "pretrained",
        'weights by the key of an encoder, such as { encoder: "X3D_S.pyth" }',
        pretrained,
      );
    }
    const model = Model.#open<I, O>(net, inputTypes(options.inputs, options.dtypes), options);
    try {
      const { encoders, shapes } = model.#facts;
      const loaded = new Set<string>();
      for (const [key, source] of Object.entries(pretrained)) {
        const put = await loadPretrained(model.device.parameters, key, encoders, shapes, source);
        for (const name of put) loaded.add(name);
      }
      model.#initialize(options.seed, loaded);
      return model;
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /**
   * Loads a model that {@link save} wrote, bit for bit; or with `inputs` any weight file with the net's keys, such as
   * the folder of a checkpoint.
   * @param path a folder, or a weight file
   * @throws WeightsError with all missing, unexpected and wrong-shaped keys when the file does not fit this net
   */
  static async load<const I extends string, const O extends string>(
    net: Net<O>,
    path: string,
    options: LoadModelOptions<I> = {},
  ): Promise<Model<I, O>> {
    checkOptions("Model.load", options, ["inputs", "dtypes", "ignore"]);
    const given = options.inputs && inputTypes(options.inputs, options.dtypes);
    const file = await openFileOrFolder(path);
    try {
      const saved = savedInputs(file);
      const types = given ?? saved;
      if (!types)
        throw wrong("Model.load", "inputs", `a shape for each input, which ${file.path} does not tell`, undefined);
      if (saved && inputsText(saved) !== inputsText(types)) {
        throw wrong(
          "Model.load",
          "inputs",
          `those that the model was saved with, ${inputsText(saved)}`,
          inputsText(types),
        );
      }
      const model = Model.#open<I, O>(net, types, options);
      try {
        const ignored = ignoredKeys(options.ignore);
        await loadInto(model.device.parameters, file, { shapes: model.#facts.shapes, ignored });
        return model;
      } catch (error) {
        model.dispose();
        throw error;
      }
    } finally {
      file.close();
    }
  }

  static #open<I extends string, O extends string>(
    net: Net<O>,
    types: ReadonlyMap<string, InputType>,
    options: ModelRunOptions,
  ): Model<I, O> {
    const facts = netFacts(net, types);
    const { device, threads, precision, winograd } = options;
    return new Model<I, O>(
      net,
      types,
      facts,
      createDevice({ device, threads, precision, winograd }),
      rowsPerProgram(types, options.batch),
    );
  }

  #initialize(seed: number = 0, except: ReadonlySet<string> = new Set()): void {
    if (!Number.isSafeInteger(seed)) throw wrong("Model", "seed", "a whole number", seed);
    const { shapes, initial } = this.#facts;
    try {
      for (const [key, shape] of shapes) {
        if (!except.has(key)) this.device.parameters.set(key, shape, initialValues(key, shape, seed, initial.get(key)));
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Computes the outputs of a batch of any size. A row has the same bits in every batch.
   * @param inputs for each input its values with their shape `[N, ...]`, or the values alone
   * @throws InvalidArgumentError for inputs that do not fit; the signal's reason
   */
  async run(
    inputs: Readonly<Record<I, ModelInput>>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Record<O, ModelOutput>> {
    const { arrays, rows } = readInputs(this.#types, inputs);
    const outputs = new Map(
      [...this.#facts.outputs].map(([name, shape]): [string, ModelOutput] => [
        name,
        { data: new Float32Array(rows * elements(shape)), shape: [rows, ...shape] },
      ]),
    );
    for (let first = 0; first < rows; first += this.#batch) {
      const count = Math.min(this.#batch, rows - first);
      // rounded up so that few programs are compiled
      const padded = Math.min(this.#batch, rowsFor(count));
      const program = this.#programs.get(`${padded}`, () =>
        compile(optimize(traceNet(this.#net, this.#types, padded)), this.device),
      );
      const part = [...arrays].map(([name, data]) => [
        name,
        rowsOf(data, elements(this.#types.get(name)!.shape), first, count, padded),
      ]);
      const results = await program.run(Object.fromEntries(part), signal ? { signal } : {});
      for (const [name, { data, shape }] of outputs) {
        const size = elements(shape.slice(1));
        data.set(results[name].subarray(0, count * size), first * size);
      }
    }
    return Object.fromEntries(outputs) as Record<O, ModelOutput>;
  }

  /**
   * Applies the net to tensors inside a trace, such as in the `forward` of a training task.
   * @param inputs by name, each `[N, ...]`
   */
  forward(inputs: Readonly<Record<I, Tensor>>): Record<O, Tensor> {
    const given = inputs as Readonly<Record<string, unknown>>;
    const tensors = [...this.#types].map(([name, { shape, dtype }]) =>
      tensor("the model", name, given[name], { sizes: `[N${shape.map((n) => `, ${n}`).join("")}]`, dtype }),
    );
    return applyNet(this.#net, tensors).result as Record<O, Tensor>;
  }

  /**
   * Writes the parameters (`model.safetensors`) and the types of the inputs into a folder for {@link load}.
   * @param options.dtype of the parameters: `f16` halves the file and rounds them. Default f32
   */
  async save(folder: string, { dtype = "f32" }: { dtype?: "f32" | "f16" | undefined } = {}): Promise<void> {
    makeFolder(folder);
    const store = this.device.parameters;
    const tensors = new Map(
      [...this.parameters].map(([key, shape]) => [key, stored(shape, () => store.get(key), dtype)]),
    );
    writeSafetensors(join(folder, WEIGHTS), tensors, { format: "pt", inputs: inputsText(this.#types) });
  }

  /**
   * The model as ONNX, with the inputs and outputs of the net: `await model.toOnnx({ batch: 1 }).save("own.onnx")`.
   * Parameters are read while it is written.
   * @throws VideoClipError `ERR_ONNX` for a layer without an ONNX form
   */
  toOnnx({ batch = 1, ...options }: ModelOnnxOptions = {}): OnnxModel {
    if (!Number.isSafeInteger(batch) || batch < 1) throw wrong("toOnnx", "batch", "a positive whole number", batch);
    const store = this.device.parameters;
    const metadata = { inputs: inputsText(this.#types), ...options.metadata };
    return toOnnx(traceNet(this.#net, this.#types, batch), (key) => store.get(key), { ...options, metadata });
  }

  /** Layers with shapes, parameters and multiply-adds, for one example. */
  describe(): ModelDescription {
    return describeGraph(traceNet(this.#net, this.#types, 1));
  }

  /** Frees the programs and the parameters, and the device unless it is shared. A second call does nothing. */
  dispose(): void {
    this.#programs.clear();
    this.device.dispose();
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")](): void {
    this.dispose();
  }
}

/** Keys of PyTorch's BatchNorm counters, which nothing here reads. */
const COUNTERS = "(?:^|\\.)num_batches_tracked$";

const ignoredKeys = (more?: RegExp): RegExp =>
  more ? new RegExp(`${COUNTERS}|${more.source}`, more.flags.replace(/[gy]/g, "")) : new RegExp(COUNTERS);

function checkOptions(where: string, options: object, own: readonly string[]): void {
  if (typeof options !== "object" || options === null)
    throw wrong(where, "options", `an object with ${own.join(", ")}`, options);
  knownNames(where, "option", Object.keys(options), [...own, ...RUN_OPTIONS]);
}

function rowsPerProgram(types: ReadonlyMap<string, InputType>, batch: number | undefined): number {
  if (batch !== undefined) {
    if (Number.isSafeInteger(batch) && batch > 0) return batch;
    throw new InvalidArgumentError(`batch: expected a positive whole number, received ${batch}`, {
      argument: "batch",
      received: batch,
    });
  }
  const values = [...types.values()].reduce((sum, { shape }) => sum + elements(shape), 0);
  return Math.min(MAX_ROWS, 2 ** Math.max(0, Math.floor(Math.log2(INPUT_VALUES / values))));
}

/** `count` rows from `first` on, padded with zeros to `padded` rows. */
function rowsOf(data: OwnArray, size: number, first: number, count: number, padded: number): OwnArray {
  const rows = data.subarray(first * size, (first + count) * size);
  if (count === padded) return rows;
  const filled = new (data.constructor as new (length: number) => OwnArray)(padded * size);
  filled.set(rows);
  return filled;
}
