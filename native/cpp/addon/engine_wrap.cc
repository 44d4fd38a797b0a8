#include "addon/engine_wrap.h"

#include <cstring>

#include "addon/read_program.h"
#include "addon/values.h"
#include "runtime/gpu.h"
#include "runtime/mapping.h"

namespace videoclip {
namespace {

// `number`: the threads of a CPU, or the index of a GPU.
std::unique_ptr<Executor> make_executor(Napi::Env env, Backend backend, int number) {
  if (backend != Backend::cuda && !backend_supported(backend)) {
    throw error_of(env, StatusCode::unsupported, "this instruction set is not available");
  }
  std::string error;
  std::unique_ptr<Gpu> gpu;
  switch (backend) {
    case Backend::cuda:
      gpu = open_cuda(number, &error);
      break;
    case Backend::cuda_emulated:
#if defined(VIDEOCLIP_WITH_EMULATOR)
      gpu = open_emulated(number, &error);
#endif
      break;
    default:
      return make_cpu_executor(backend, number);
  }
  if (!gpu) throw error_of(env, StatusCode::unsupported, error);
  return make_gpu_executor(std::move(gpu));
}

}  // namespace

Napi::Function EngineWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Engine",
      {InstanceMethod("info", &EngineWrap::info), InstanceMethod("setParameter", &EngineWrap::set_parameter),
       InstanceMethod("writeParameter", &EngineWrap::write_parameter),
       InstanceMethod("readParameter", &EngineWrap::read_parameter),
       InstanceMethod("removeParameter", &EngineWrap::remove_parameter),
       InstanceMethod("allocate", &EngineWrap::allocate), InstanceMethod("map", &EngineWrap::map),
       InstanceMethod("pin", &EngineWrap::pin), InstanceMethod("unpin", &EngineWrap::unpin),
       InstanceMethod("createProgram", &EngineWrap::create_program),
       InstanceMethod("removeProgram", &EngineWrap::remove_program), InstanceMethod("run", &EngineWrap::run),
       InstanceMethod("cancel", &EngineWrap::cancel), InstanceMethod("dispose", &EngineWrap::dispose)});
}

EngineWrap::EngineWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineWrap>(info) {
  Napi::Env env = info.Env();
  const Backend backend = static_cast<Backend>(integer(info[0]));
  std::unique_ptr<Executor> executor = make_executor(env, backend, static_cast<int>(integer(info[1])));
  completions_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "videoclip", 0, 1);
  completions_.Unref(env);  // an idle engine does not keep the process alive
  engine_ = std::make_unique<Engine>(std::move(executor), [this](std::unique_ptr<Job> job) {
    Job* raw = job.release();
    const napi_status status = completions_.NonBlockingCall(
        raw, [this](Napi::Env e, Napi::Function, Job* j) { settle(e, std::unique_ptr<Job>(j)); });
    if (status != napi_ok) delete raw;  // the environment is closing, and no caller waits any more
  });
  if (engine_->executor().pins()) known_.accept_any_address();
  open_ = true;
  // This hook runs before the clean-up of the thread-safe function (hooks run last in, first out), so the engine thread
  // is joined first.
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
  engine_->stop();
  pinned_.clear(engine_->executor());
  engine_.reset();  // joins the thread and frees all memory now, not when this object is collected
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
  out.Set("backend", backend_name(e.backend()));
  out.Set("threads", e.threads());
  out.Set("hardware", e.executor().hardware());
  out.Set("panelWidth", panel_width(e.backend()));
  out.Set("tileDepth", tile_depth(e.backend()));
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

// (id, byte offset, typed array): writes a part of the values
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

// (bytes) -> ArrayBuffer of zeros, whose memory a run reads and writes in place
Napi::Value EngineWrap::allocate(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  BufferPtr buffer = engine().buffers().take(size_of(info[0]));
  if (buffer->failed()) throw out_of_memory(env);
  if (buffer->size()) std::memset(buffer->data(), 0, buffer->size());
  bool foreign;
  const napi_value out = array_buffer(env, buffer, &foreign);
  if (foreign) known_.add(buffer, false);
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
  if (foreign) known_.add(buffer, false);
  return {env, out};
}

// (typed array): pins its bytes for the copies of a GPU. Does nothing on a CPU.
Napi::Value EngineWrap::pin(const Napi::CallbackInfo& info) {
  Executor& executor = engine().executor();
  pinned_.remove_detached(executor);
  if (executor.pins()) pinned_.add(info[0], executor, &known_);
  return info.Env().Undefined();
}

// (typed array): ends `pin` of the same bytes
Napi::Value EngineWrap::unpin(const Napi::CallbackInfo& info) {
  Executor& executor = engine().executor();
  pinned_.remove_detached(executor);
  if (executor.pins()) pinned_.remove(info[0], executor);
  return info.Env().Undefined();
}

// ({instructions: [{op, layer, attrs, operands}], arenaBytes, inputBytes, outputBytes, scalars}) -> {id,
// workspaceBytes}
Napi::Value EngineWrap::create_program(const Napi::CallbackInfo& info) {
  Engine& e = engine();
  std::shared_ptr<Program> program = read_program(info[0].As<Napi::Object>());
  throw_on(info.Env(), program->link(e.backend(), e.threads()));
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

Napi::Value EngineWrap::cancel(const Napi::CallbackInfo& info) {
  if (open_) engine().cancel(integer(info[0]));
  return info.Env().Undefined();
}

Napi::Value EngineWrap::dispose(const Napi::CallbackInfo& info) {
  shut_down();
  return info.Env().Undefined();
}

}  // namespace videoclip
