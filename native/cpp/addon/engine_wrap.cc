#include "addon/engine_wrap.h"

#include <cstring>

#include "addon/errors.h"
#include "runtime/gpu.h"
#include "runtime/mapping.h"

namespace videoclip {
namespace {

int64_t integer(const Napi::Value& v) { return v.As<Napi::Number>().Int64Value(); }

size_t size_of(const Napi::Value& v) {
  const int64_t n = integer(v);
  if (n < 0) throw error_of(v.Env(), StatusCode::invalid_argument, "negative size");
  return static_cast<size_t>(n);
}

// Bytes of any typed array. `shared`: whether they lie in a SharedArrayBuffer, which cannot be transferred or detached.
const char* bytes_of(const Napi::Value& v, size_t* size, bool* shared = nullptr) {
  if (!v.IsTypedArray()) throw error_of(v.Env(), StatusCode::invalid_argument, "expected a typed array");
  *size = v.As<Napi::TypedArray>().ByteLength();
  void* data = nullptr;
  napi_value buffer;
  if (napi_get_typedarray_info(v.Env(), v, nullptr, nullptr, &data, &buffer, nullptr) != napi_ok) {
    throw Napi::Error::New(v.Env());
  }
  if (shared) *shared = !Napi::Value(v.Env(), buffer).IsArrayBuffer();
  return static_cast<const char*>(data);
}

// Reads the flat operand list of lib/runtime/program.ts: count, then for each [space] or
// [space, id, byte offset, dtype, rank, shape..., strides...].
class Reader {
 public:
  explicit Reader(const Napi::Value& v) : env_(v.Env()) {
    auto array = v.As<Napi::Float64Array>();
    data_.assign(array.Data(), array.Data() + array.ElementLength());
  }
  int64_t next() {
    if (at_ >= data_.size()) throw wrong("operand list ends early");
    return static_cast<int64_t>(data_[at_++]);
  }
  std::vector<Operand> operands() {
    std::vector<Operand> list(static_cast<size_t>(next()));
    for (Operand& o : list) {
      o.space = static_cast<Space>(next());
      if (o.space == Space::absent) continue;
      o.id = next();
      o.offset = next();
      o.view.dtype = static_cast<DType>(next());
      o.view.rank = static_cast<int>(next());
      if (o.view.rank < 0 || o.view.rank > kMaxRank) throw wrong("rank above 8");
      for (int i = 0; i < o.view.rank; ++i) o.view.shape[i] = next();
      for (int i = 0; i < o.view.rank; ++i) o.view.strides[i] = next();
      for (int i = 0; i < o.view.rank; ++i) {
        if (o.view.shape[i] < 0 || o.view.strides[i] < 0) throw wrong("negative shape or stride");
      }
    }
    return list;
  }

 private:
  Napi::Error wrong(const char* message) const { return error_of(env_, StatusCode::internal, message); }

  Napi::Env env_;
  std::vector<double> data_;
  size_t at_ = 0;
};

std::vector<size_t> sizes(const Napi::Value& v) {
  std::vector<size_t> list;
  auto array = v.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) list.push_back(size_of(array.Get(i)));
  return list;
}

// What a foreign ArrayBuffer keeps alive. `dropped` outlives it: Node finalizes some that it could not make, not
// others.
struct Held {
  BufferPtr buffer;
  std::shared_ptr<bool> dropped;
};

void drop(napi_env, void*, void* hint) {
  auto* held = static_cast<Held*>(hint);
  *held->dropped = true;
  delete held;
}

// An ArrayBuffer on memory of the engine, given back to its pool when collected; a copy when it is small (cheaper than
// a finalizer) or where the runtime does not allow foreign memory. `foreign` tells which.
napi_value array_buffer(Napi::Env env, const BufferPtr& buffer, bool* foreign) {
  constexpr size_t kSmall = 64 << 10;
  *foreign = false;
  if (buffer->size() > kSmall) {
    auto dropped = std::make_shared<bool>(false);
    auto* held = new Held{buffer, dropped};
    napi_value external;
    const napi_status status =
        napi_create_external_arraybuffer(env, buffer->data(), buffer->size(), drop, held, &external);
    if (status == napi_ok) {
      *foreign = true;
      return external;
    }
    if (!*dropped) delete held;
    // a copy of that size would end the process where there is no memory for it
    if (status != napi_no_external_buffers_allowed) throw Napi::Error::New(env, "out of memory");
  }
  auto copy = Napi::ArrayBuffer::New(env, buffer->size());
  if (buffer->size()) std::memcpy(copy.Data(), buffer->data(), buffer->size());
  return copy;
}

// `number`: threads of a CPU, index of a GPU.
std::unique_ptr<Executor> make_executor(Napi::Env env, Isa isa, int number) {
  if (isa != Isa::cuda && !isa_supported(isa)) {
    throw error_of(env, StatusCode::unsupported, "this instruction set is not available");
  }
  std::string error = "this build has no CUDA kernels";
  std::unique_ptr<Gpu> gpu;
  switch (isa) {
    case Isa::cuda:
#if defined(VIDEOCLIP_WITH_CUDA)
      gpu = open_cuda(number, &error);
#endif
      break;
    case Isa::cuda_emulated:
#if defined(VIDEOCLIP_WITH_EMULATOR)
      gpu = open_emulated();
#endif
      break;
    default:
      return make_cpu_executor(isa, number);
  }
  if (!gpu) throw error_of(env, StatusCode::unsupported, error);
  return make_gpu_executor(std::move(gpu));
}

Napi::Error out_of_memory(Napi::Env env) { return error_of(env, StatusCode::out_of_memory, "out of memory"); }
Napi::Error wrong_size(Napi::Env env, const std::string& what) {
  return error_of(env, StatusCode::invalid_argument, what + " has the wrong size");
}
Napi::Error disposed(Napi::Env env) { return error_of(env, StatusCode::disposed, "disposed"); }

}  // namespace

Napi::Function EngineWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Engine",
      {InstanceMethod("info", &EngineWrap::info), InstanceMethod("setParameter", &EngineWrap::set_parameter),
       InstanceMethod("writeParameter", &EngineWrap::write_parameter),
       InstanceMethod("readParameter", &EngineWrap::read_parameter),
       InstanceMethod("removeParameter", &EngineWrap::remove_parameter),
       InstanceMethod("allocate", &EngineWrap::allocate), InstanceMethod("map", &EngineWrap::map),
       InstanceMethod("createProgram", &EngineWrap::create_program),
       InstanceMethod("removeProgram", &EngineWrap::remove_program), InstanceMethod("run", &EngineWrap::run),
       InstanceMethod("cancel", &EngineWrap::cancel), InstanceMethod("dispose", &EngineWrap::dispose)});
}

EngineWrap::EngineWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineWrap>(info) {
  Napi::Env env = info.Env();
  const Isa isa = static_cast<Isa>(integer(info[0]));
  std::unique_ptr<Executor> executor = make_executor(env, isa, static_cast<int>(integer(info[1])));
  completions_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "videoclip", 0, 1);
  completions_.Unref(env);  // an idle engine does not keep the process alive
  engine_ = std::make_unique<Engine>(std::move(executor), [this](std::unique_ptr<Job> job) {
    Job* raw = job.release();
    const napi_status status = completions_.NonBlockingCall(
        raw, [this](Napi::Env e, Napi::Function, Job* j) { settle(e, std::unique_ptr<Job>(j)); });
    if (status != napi_ok) delete raw;  // the environment is going away: nobody waits any more
  });
  open_ = true;
  // runs before the thread-safe function's own clean-up (hooks run last in, first out): the engine thread is joined
  // first
  napi_add_env_cleanup_hook(env, &EngineWrap::on_environment_exit, this);
}

EngineWrap::~EngineWrap() {
  napi_remove_env_cleanup_hook(Env(), &EngineWrap::on_environment_exit, this);
  shut_down();
}

void EngineWrap::on_environment_exit(void* self) { static_cast<EngineWrap*>(self)->shut_down(); }

void EngineWrap::shut_down() {
  if (!open_) return;
  open_ = false;
  engine_.reset();  // joins its thread and frees all memory now, not when this object is collected
  completions_.Release();
  programs_.clear();
}

Engine& EngineWrap::engine() {
  if (!open_) throw disposed(Env());
  return *engine_;
}

Napi::Value EngineWrap::info(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  Engine& e = engine();
  out.Set("isa", isa_name(e.isa()));
  out.Set("threads", e.threads());
  out.Set("hardware", e.executor().hardware());
  out.Set("panelWidth", panel_width(e.isa()));
  out.Set("parameterBytes", static_cast<double>(e.parameters().bytes()));
  out.Set("scratchBytes", static_cast<double>(e.scratch_bytes()));
  out.Set("copiedBytes", static_cast<double>(copied_bytes_));
  return out;
}

// (id, typed array | byte count)
Napi::Value EngineWrap::set_parameter(const Napi::CallbackInfo& info) {
  const int64_t id = integer(info[0]);
  size_t size;
  const char* data = nullptr;
  if (info[1].IsNumber()) {
    size = size_of(info[1]);
  } else {
    data = bytes_of(info[1], &size);
  }
  if (!engine().parameters().allocate(id, size)) throw out_of_memory(info.Env());
  if (data && size) {
    throw_on(info.Env(), engine().executor().write(engine().parameters().find(id)->data(), data, size));
  }
  return info.Env().Undefined();
}

// (id, byte offset, typed array): a part of its values
Napi::Value EngineWrap::write_parameter(const Napi::CallbackInfo& info) {
  BufferPtr p = engine().parameters().find(integer(info[0]));
  if (!p) throw error_of(info.Env(), StatusCode::internal, "no such parameter");
  const size_t at = size_of(info[1]);
  size_t size;
  const char* data = bytes_of(info[2], &size);
  if (at > p->size() || size > p->size() - at) {
    throw error_of(info.Env(), StatusCode::internal, "values beyond the end of a parameter");
  }
  if (size) throw_on(info.Env(), engine().executor().write(p->data() + at, data, size));
  return info.Env().Undefined();
}

Napi::Value EngineWrap::read_parameter(const Napi::CallbackInfo& info) {
  BufferPtr p = engine().parameters().find(integer(info[0]));
  if (!p) throw error_of(info.Env(), StatusCode::internal, "no such parameter");
  auto out = Napi::ArrayBuffer::New(info.Env(), p->size());
  if (p->size()) {
    throw_on(info.Env(), engine().executor().read(static_cast<char*>(out.Data()), p->data(), p->size()));
  }
  return out;
}

Napi::Value EngineWrap::remove_parameter(const Napi::CallbackInfo& info) {
  engine().parameters().remove(integer(info[0]));
  return info.Env().Undefined();
}

// (bytes) -> ArrayBuffer of memory that a run reads and writes in place, zeros
Napi::Value EngineWrap::allocate(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  BufferPtr buffer = engine().buffers().take(size_of(info[0]));
  if (buffer->failed()) throw out_of_memory(env);
  if (buffer->size()) std::memset(buffer->data(), 0, buffer->size());
  bool foreign;
  const napi_value out = array_buffer(env, buffer, &foreign);
  if (foreign) remember(buffer, false);
  return {env, out};
}

// (file descriptor, offset, bytes) -> ArrayBuffer over these bytes of the file, which a run on the CPU reads in place
Napi::Value EngineWrap::map(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (engine().executor().staging_memory()) {
    throw error_of(env, StatusCode::unsupported, "a GPU cannot read a mapped file");
  }
  std::string error;
  BufferPtr buffer = map_file(static_cast<int>(integer(info[0])), size_of(info[1]), size_of(info[2]), &error);
  if (!buffer) throw error_of(env, StatusCode::unsupported, error);
  bool foreign;
  const napi_value out = array_buffer(env, buffer, &foreign);
  if (foreign) remember(buffer, false);
  return {env, out};
}

void EngineWrap::remember(const BufferPtr& buffer, bool result) {
  if (known_.size() >= sweep_at_) {
    for (auto i = known_.begin(); i != known_.end();) i = i->second.buffer.expired() ? known_.erase(i) : std::next(i);
    sweep_at_ = 2 * known_.size() + 64;
  }
  known_[buffer->data()] = {buffer, result};
}

// The buffer of the engine that holds these bytes, if one does: memory of `allocate` and `map`, and with `results` that
// of earlier results too. It is kept by whoever holds what this returns, so the array may be transferred or collected
// meanwhile.
Bytes EngineWrap::find_known(const char* data, size_t size, bool results) {
  auto next = known_.upper_bound(data);
  if (next == known_.begin()) return {};
  const Known& known = std::prev(next)->second;
  BufferPtr buffer = known.buffer.lock();
  if (!buffer || (known.result && !results)) return {};
  const size_t offset = static_cast<size_t>(data - buffer->data());
  if (offset > buffer->size() || size > buffer->size() - offset || offset % 64) return {};
  return {buffer, buffer->data() + offset};
}

// The arrays of a list behind each other, and zeros behind them. The engine's thread copies those in shared memory,
// which is still there then whatever happens; all others are copied now.
Bytes EngineWrap::gather_list(const Napi::Array& list, size_t size, Run* run,
                              std::vector<Napi::ObjectReference>* held) {
  auto buffer = engine().buffers().take(size);
  if (buffer->failed()) throw out_of_memory(Env());
  size_t at = 0;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value part = list.Get(i);
    size_t bytes;
    bool shared;
    const char* data = bytes_of(part, &bytes, &shared);
    if (bytes > size - at) throw wrong_size(Env(), "an input");
    if (shared) {
      run->parts.push_back({buffer->data() + at, data, bytes});
      held->push_back(Napi::Persistent(part.As<Napi::Object>()));
    } else if (bytes) {
      std::memcpy(buffer->data() + at, data, bytes);
    }
    at += bytes;
  }
  if (at < size) run->parts.push_back({buffer->data() + at, nullptr, size - at});
  return {buffer, buffer->data()};
}

// ({instructions: [{op, attrs, operands}], arenaBytes, inputBytes, outputBytes, scalars}) -> id
Napi::Value EngineWrap::create_program(const Napi::CallbackInfo& info) {
  Engine& e = engine();
  auto description = info[0].As<Napi::Object>();
  auto program = std::make_shared<Program>();
  program->arena_bytes = size_of(description.Get("arenaBytes"));
  program->input_bytes = sizes(description.Get("inputBytes"));
  program->output_bytes = sizes(description.Get("outputBytes"));
  program->scalars = size_of(description.Get("scalars"));
  program->tf32 = description.Get("tf32").ToBoolean();
  auto list = description.Get("instructions").As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    auto item = list.Get(i).As<Napi::Object>();
    Instruction instruction;
    instruction.op = item.Get("op").As<Napi::String>().Utf8Value();
    auto attrs = item.Get("attrs").As<Napi::Float64Array>();
    instruction.attrs.assign(attrs.Data(), attrs.Data() + attrs.ElementLength());
    Reader reader(item.Get("operands"));
    instruction.in = reader.operands();
    instruction.out = reader.operands();
    if (instruction.out.empty()) throw error_of(info.Env(), StatusCode::internal, instruction.op + ": no output");
    program->instructions.push_back(std::move(instruction));
  }
  throw_on(info.Env(), program->link(e.isa(), e.threads()));
  const int64_t id = next_++;
  programs_[id] = std::move(program);
  auto out = Napi::Object::New(info.Env());
  out.Set("id", static_cast<double>(id));
  out.Set("workspaceBytes", static_cast<double>(programs_[id]->workspace_bytes));
  return out;
}

Napi::Value EngineWrap::remove_program(const Napi::CallbackInfo& info) {
  programs_.erase(integer(info[0]));
  return info.Env().Undefined();
}

// (program id, inputs: (TypedArray | TypedArray[])[], scalars: Float32Array, profile: boolean, outputs: (TypedArray |
// null)[], results: boolean[]) -> {job, promise of (ArrayBuffer | null)[]}: null for an output that was written into
// the array given for it. `results` tells which inputs are results of this engine that nobody writes to. When
// profiling, a last buffer holds the milliseconds of each instruction (f64).
Napi::Value EngineWrap::run(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Engine& e = engine();
  auto found = programs_.find(integer(info[0]));
  if (found == programs_.end()) throw disposed(env);
  auto job = std::make_unique<Job>();
  job->id = next_++;
  job->program = found->second;
  // inputs are copied: the caller may change, transfer or lose its arrays while the job waits; memory of `allocate`,
  // and results that it cannot write to, are read in place
  auto inputs = info[1].As<Napi::Array>(), results = info[5].As<Napi::Array>();
  std::vector<Napi::ObjectReference> held;
  for (size_t i = 0; i < job->program->input_bytes.size(); ++i) {
    const Napi::Value given = inputs.Get(static_cast<uint32_t>(i));
    if (given.IsArray()) {
      job->run.inputs.push_back(gather_list(given.As<Napi::Array>(), job->program->input_bytes[i], &job->run, &held));
      continue;
    }
    size_t size;
    const char* data = bytes_of(given, &size);
    if (size != job->program->input_bytes[i]) throw wrong_size(env, "an input");
    Bytes input = find_known(data, size, results.Get(static_cast<uint32_t>(i)).ToBoolean());
    if (!input.owner) {
      auto buffer = e.buffers().take(size);
      if (buffer->failed()) throw out_of_memory(env);
      if (size) std::memcpy(buffer->data(), data, size);
      copied_bytes_ += size;
      input = {buffer, buffer->data()};
    }
    job->run.inputs.push_back(std::move(input));
  }
  auto targets = info[4].As<Napi::Array>();
  for (size_t i = 0; i < job->program->output_bytes.size(); ++i) {
    const size_t size = job->program->output_bytes[i];
    Bytes output;
    if (const Napi::Value target = targets.Get(static_cast<uint32_t>(i)); target.IsTypedArray()) {
      size_t given;
      const char* data = bytes_of(target, &given);
      if (given != size) throw wrong_size(env, "an output");
      output = find_known(data, size, false);
    }
    job->in_place.push_back(static_cast<bool>(output.owner));
    if (!output.owner) {
      auto buffer = e.buffers().take(size);
      if (buffer->failed()) throw out_of_memory(env);
      output = {buffer, buffer->data()};
    }
    job->run.outputs.push_back(std::move(output));
  }
  auto scalars = info[2].As<Napi::Float32Array>();
  if (scalars.ElementLength() != job->program->scalars) throw wrong_size(env, "the list of scalars");
  job->run.scalars.assign(scalars.Data(), scalars.Data() + scalars.ElementLength());

  if (info[3].ToBoolean()) job->run.milliseconds.resize(job->program->instructions.size());

  auto deferred = std::make_unique<Napi::Promise::Deferred>(env);
  auto out = Napi::Object::New(env);
  out.Set("job", static_cast<double>(job->id));
  out.Set("promise", deferred->Promise());
  if (pending_.empty()) {
    completions_.Ref(env);
    Ref();  // keep this object until its jobs are settled
  }
  pending_[job->id] = {std::move(deferred), std::move(held)};
  e.submit(std::move(job));
  return out;
}

void EngineWrap::settle(Napi::Env env, std::unique_ptr<Job> job) {
  auto found = pending_.find(job->id);
  if (found == pending_.end()) return;
  auto deferred = std::move(found->second.deferred);
  pending_.erase(found);
  // in a worker that is being terminated every call into JavaScript fails: then nobody waits for the result either
  try {
    Napi::HandleScope scope(env);
    resolve(env, *deferred, *job);
    if (pending_.empty()) {
      if (open_) completions_.Unref(env);
      Unref();
    }
  } catch (const Napi::Error&) {
  }
}

void EngineWrap::resolve(Napi::Env env, const Napi::Promise::Deferred& deferred, const Job& job) {
  if (job.failure) {
    deferred.Reject(error_of(env, job.failure.code, job.failure.message).Value());
    return;
  }
  try {
    deferred.Resolve(outputs_of(env, job));
  } catch (const Napi::Error& error) {
    deferred.Reject(error.Value());
  }
}

Napi::Array EngineWrap::outputs_of(Napi::Env env, const Job& job) {
  auto outputs = Napi::Array::New(env, job.run.outputs.size());
  for (size_t i = 0; i < job.run.outputs.size(); ++i) {
    napi_value value = env.Null();
    if (!job.in_place[i]) {
      bool foreign;
      value = array_buffer(env, job.run.outputs[i].owner, &foreign);
      if (foreign) remember(job.run.outputs[i].owner, true);
    }
    outputs.Set(static_cast<uint32_t>(i), value);
  }
  if (!job.run.milliseconds.empty()) {
    const size_t bytes = job.run.milliseconds.size() * sizeof(double);
    auto times = Napi::ArrayBuffer::New(env, bytes);
    std::memcpy(times.Data(), job.run.milliseconds.data(), bytes);
    outputs.Set(outputs.Length(), times);
  }
  return outputs;
}

Napi::Value EngineWrap::cancel(const Napi::CallbackInfo& info) {
  if (open_) engine().cancel(integer(info[0]));
  return info.Env().Undefined();
}

Napi::Value EngineWrap::dispose(const Napi::CallbackInfo& info) {
  shut_down();
  return info.Env().Undefined();
}

}  // namespace videoclip
