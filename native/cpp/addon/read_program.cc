#include "addon/read_program.h"

#include <vector>

#include "addon/values.h"

namespace videoclip {
namespace {

// Reads the flat operand list of lib/runtime/program.ts: the count, then for each operand [space] or [space, id, byte
// offset, dtype, rank, shape..., strides...].
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

}  // namespace

std::shared_ptr<Program> read_program(const Napi::Object& description) {
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
    if (item.Get("layer").IsString()) instruction.layer = item.Get("layer").As<Napi::String>().Utf8Value();
    auto attrs = item.Get("attrs").As<Napi::Float64Array>();
    instruction.attrs.assign(attrs.Data(), attrs.Data() + attrs.ElementLength());
    Reader reader(item.Get("operands"));
    instruction.in = reader.operands();
    instruction.out = reader.operands();
    if (instruction.out.empty())
      throw error_of(description.Env(), StatusCode::internal, instruction.op + ": no output");
    program->instructions.push_back(std::move(instruction));
  }
  return program;
}

}  // namespace videoclip
