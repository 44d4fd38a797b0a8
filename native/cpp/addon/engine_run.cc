// The runs of an engine: the arrays of a job, and the settling of its promise.
#include <cstring>

#include "addon/engine_wrap.h"
#include "addon/values.h"

namespace videoclip {

// The arrays of a list, which follow one another, and zeros for the rest. A GPU copies from pinned memory where it is.
// All other arrays are gathered in memory of the engine, those in shared memory, which cannot go away, later by the
// engine thread.
Input EngineWrap::input_list(const Napi::Array& list, size_t size, Run* run, std::vector<Napi::ObjectReference>* held) {
  Input input;
  const auto add = [&](const BufferPtr& owner, char* data, size_t bytes) {
    Piece* last = input.empty() ? nullptr : &input.back();
    if (last && last->owner == owner && last->data + last->bytes == data) {
      last->bytes += bytes;
    } else {
      input.push_back({owner, data, bytes});
    }
  };
  BufferPtr buffer;  // of the whole input, so that the pool has one size for each input
  const auto gathered = [&](size_t at, size_t bytes) {
    if (!buffer) buffer = engine().buffers().take(size);
    if (buffer->failed()) throw out_of_memory(Env());
    add(buffer, buffer->data() + at, bytes);
    return buffer->data() + at;
  };
  const bool pins = engine().executor().pins();
  size_t at = 0;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value part = list.Get(i);
    size_t bytes;
    bool shared;
    const char* data = bytes_of(part, &bytes, &shared);
    if (bytes > size - at) throw wrong_size(Env(), "an input");
    if (!bytes) continue;
    const Bytes pinned = pins ? known_.find(data, bytes, false) : Bytes{};
    if (pinned.owner) {
      add(pinned.owner, pinned.data, bytes);
    } else {
      char* to = gathered(at, bytes);
      if (shared) {
        run->parts.push_back({to, data, bytes});
      } else {
        std::memcpy(to, data, bytes);
      }
      copied_bytes_ += bytes;
    }
    if (pinned.owner || shared) held->push_back(Napi::Persistent(part.As<Napi::Object>()));
    at += bytes;
  }
  if (at < size) run->parts.push_back({gathered(at, size - at), nullptr, size - at});
  if (input.empty()) input.push_back({nullptr, nullptr, 0});
  return input;
}

// (program id, inputs: (TypedArray | TypedArray[])[], scalars: Float32Array, timing: a Timing, outputs: (TypedArray |
// null)[], results: boolean[]) -> {job, promise of (ArrayBuffer | null)[]}, with null for an output that was written
// into the array given for it. `results` says for each input whether it is a result of this engine that is not written
// to any more. With a timing, a last buffer holds the milliseconds (f64).
Napi::Value EngineWrap::run(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Engine& e = engine();
  auto found = programs_.find(integer(info[0]));
  if (found == programs_.end()) throw disposed(env);
  pinned_.remove_detached(e.executor());
  auto job = std::make_unique<Job>();
  job->id = next_++;
  job->program = found->second;
  // Inputs are copied, because the caller may change, transfer or lose its arrays while the job waits. Memory of
  // `allocate` and of `pin`, and results that the caller cannot write to, are read in place.
  auto inputs = info[1].As<Napi::Array>(), results = info[5].As<Napi::Array>();
  std::vector<Napi::ObjectReference> held;
  for (size_t i = 0; i < job->program->input_bytes.size(); ++i) {
    const Napi::Value given = inputs.Get(static_cast<uint32_t>(i));
    if (given.IsArray()) {
      job->run.inputs.push_back(input_list(given.As<Napi::Array>(), job->program->input_bytes[i], &job->run, &held));
      continue;
    }
    size_t size;
    const char* data = bytes_of(given, &size);
    if (size != job->program->input_bytes[i]) throw wrong_size(env, "an input");
    Bytes input = known_.find(data, size, results.Get(static_cast<uint32_t>(i)).ToBoolean());
    if (input.owner) {
      held.push_back(Napi::Persistent(given.As<Napi::Object>()));  // pinned memory belongs to the array
    } else {
      auto buffer = e.buffers().take(size);
      if (buffer->failed()) throw out_of_memory(env);
      if (size) std::memcpy(buffer->data(), data, size);
      copied_bytes_ += size;
      input = {buffer, buffer->data()};
    }
    job->run.inputs.push_back({{input.owner, input.data, size}});
  }
  auto targets = info[4].As<Napi::Array>();
  for (size_t i = 0; i < job->program->output_bytes.size(); ++i) {
    const size_t size = job->program->output_bytes[i];
    Bytes output;
    if (const Napi::Value target = targets.Get(static_cast<uint32_t>(i)); target.IsTypedArray()) {
      size_t given;
      const char* data = bytes_of(target, &given);
      if (given != size) throw wrong_size(env, "an output");
      output = known_.find(data, size, false);
      if (output.owner) held.push_back(Napi::Persistent(target.As<Napi::Object>()));
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

  job->run.timing = static_cast<Timing>(integer(info[3]));
  if (job->run.timing == Timing::instructions) job->run.milliseconds.resize(job->program->instructions.size());
  if (job->run.timing == Timing::whole) job->run.milliseconds.resize(1);

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
  // In a worker that is being terminated, every call into JavaScript fails, and no caller waits for the result.
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
      if (foreign) known_.add(job.run.outputs[i].owner, true);
    }
    outputs.Set(static_cast<uint32_t>(i), value);
  }
  if (job.run.timing != Timing::none) {
    const size_t bytes = job.run.milliseconds.size() * sizeof(double);
    auto times = Napi::ArrayBuffer::New(env, bytes);
    std::memcpy(times.Data(), job.run.milliseconds.data(), bytes);
    outputs.Set(outputs.Length(), times);
  }
  return outputs;
}

}  // namespace videoclip
