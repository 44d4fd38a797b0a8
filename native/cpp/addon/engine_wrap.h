#pragma once
#include <napi.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "addon/array_buffers.h"
#include "addon/pinned_arrays.h"
#include "runtime/engine.h"

namespace videoclip {

// The JavaScript object of an engine: one per environment and `createDevice` call. Methods check only errors that would
// crash the process; TypeScript has checked the arguments.
class EngineWrap : public Napi::ObjectWrap<EngineWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit EngineWrap(const Napi::CallbackInfo& info);
  ~EngineWrap() override;

 private:
  struct Pending {
    std::unique_ptr<Napi::Promise::Deferred> deferred;
    std::vector<Napi::ObjectReference> held;  // arrays that the job reads
  };

  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value set_parameter(const Napi::CallbackInfo& info);
  Napi::Value write_parameter(const Napi::CallbackInfo& info);
  Napi::Value read_parameter(const Napi::CallbackInfo& info);
  Napi::Value remove_parameter(const Napi::CallbackInfo& info);
  Napi::Value allocate(const Napi::CallbackInfo& info);
  Napi::Value map(const Napi::CallbackInfo& info);
  Napi::Value pin(const Napi::CallbackInfo& info);
  Napi::Value unpin(const Napi::CallbackInfo& info);
  Napi::Value create_program(const Napi::CallbackInfo& info);
  Napi::Value remove_program(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  static void on_environment_exit(void* self);
  Engine& engine();
  void shut_down();
  void settle(Napi::Env env, std::unique_ptr<Job> job);
  Input input_list(const Napi::Array& list, size_t size, Run* run, std::vector<Napi::ObjectReference>* held);
  Napi::Array outputs_of(Napi::Env env, const Job& job);
  void resolve(Napi::Env env, const Napi::Promise::Deferred& deferred, const Job& job);

  std::unique_ptr<Engine> engine_;
  Napi::ThreadSafeFunction completions_;
  std::unordered_map<int64_t, std::shared_ptr<const Program>> programs_;
  std::unordered_map<int64_t, Pending> pending_;
  KnownBuffers known_;
  PinnedArrays pinned_;
  size_t copied_bytes_ = 0;  // bytes of inputs copied so far
  int64_t next_ = 1;
  bool open_ = false;
};

}  // namespace videoclip
