#include "runtime/program.h"

#include <algorithm>

namespace videoclip {
namespace {

std::string outside(const Instruction& i, const char* what) {
  return i.op + ": an operand reaches outside its " + what;
}

std::string check(const Program& p, const Instruction& i, const Operand& o) {
  // parameters are checked when a run takes them
  if (o.space == Space::absent || o.space == Space::parameter) return "";
  if (o.offset < 0) return outside(i, "space");
  const size_t end = static_cast<size_t>(o.offset) + static_cast<size_t>(o.view.extent()) * item_size(o.view.dtype);
  const auto within = [&](const std::vector<size_t>& sizes) {
    return o.id >= 0 && static_cast<size_t>(o.id) < sizes.size() && end <= sizes[static_cast<size_t>(o.id)];
  };
  switch (o.space) {
    case Space::arena:
      return end <= p.arena_bytes ? "" : outside(i, "arena");
    case Space::input:
      return within(p.input_bytes) ? "" : outside(i, "input");
    case Space::output:
      return within(p.output_bytes) ? "" : outside(i, "output");
    case Space::scalar:
      return end <= p.scalars * sizeof(float) ? "" : outside(i, "scalars");
    default:
      return i.op + ": unknown operand space";
  }
}

Call call_of(const Instruction& i, const std::vector<Tensor>& in, const std::vector<Tensor>& out) {
  Call call{};
  call.in = in.data();
  call.inputs = static_cast<int>(in.size());
  call.out = out.data();
  call.outputs = static_cast<int>(out.size());
  call.attrs = i.attrs.data();
  call.attr_count = static_cast<int>(i.attrs.size());
  return call;
}

}  // namespace

Failure Program::link(Backend backend, int threads) {
  for (Instruction& i : instructions) {
    i.kernel = find_kernel(backend, i.op.c_str());
    if (!i.kernel) return {StatusCode::unsupported, i.op + ": no kernel for this device"};
    std::vector<Tensor> in, out;
    for (const Operand& o : i.in) in.push_back(o.view);
    for (const Operand& o : i.out) out.push_back(o.view);
    for (const auto* list : {&i.in, &i.out}) {
      for (const Operand& o : *list) {
        const std::string wrong = check(*this, i, o);
        if (!wrong.empty()) return {StatusCode::internal, wrong};
      }
    }
    workspace_bytes = std::max(workspace_bytes, i.kernel->workspace(call_of(i, in, out), threads));
  }
  return {};
}

Failure bind(const Program& program, const ParameterStore& store, const Spaces& spaces, Bound* bound) {
  Failure failure;
  const auto resolve = [&](const Instruction& i, const Operand& o) {
    Tensor t = o.view;
    const auto id = static_cast<size_t>(o.id);
    switch (o.space) {
      case Space::absent:
        break;
      case Space::arena:
        t.data = spaces.arena + o.offset;
        break;
      case Space::input:
        t.data = spaces.inputs[id] + o.offset;
        break;
      case Space::output:
        t.data = spaces.outputs[id] + o.offset;
        break;
      case Space::scalar:
        t.data = spaces.scalars + o.offset;
        break;
      case Space::parameter: {
        BufferPtr p = store.find(o.id);
        const size_t end =
            static_cast<size_t>(o.offset) + static_cast<size_t>(o.view.extent()) * item_size(o.view.dtype);
        if (!p || o.offset < 0 || end > p->size()) {
          failure = {StatusCode::internal, i.op + ": a parameter is missing or too small"};
          break;
        }
        t.data = p->data() + o.offset;
        bound->parameters.push_back(std::move(p));
        break;
      }
    }
    return t;
  };
  bound->workspace = spaces.workspace;
  bound->instructions.reserve(program.instructions.size());
  for (const Instruction& i : program.instructions) {
    Bound::Operands operands;
    for (const Operand& o : i.in) operands.in.push_back(resolve(i, o));
    for (const Operand& o : i.out) operands.out.push_back(resolve(i, o));
    bound->instructions.push_back(std::move(operands));
  }
  return failure;
}

Status run_instruction(const Program& program, const Bound& bound, size_t i, ThreadPool* pool, void* stream,
                       const GpuTraits& gpu) {
  const Bound::Operands& operands = bound.instructions[i];
  if (operands.out[0].elements() == 0) return {};
  Call call = call_of(program.instructions[i], operands.in, operands.out);
  call.workspace = bound.workspace;
  call.pool = pool;
  call.stream = stream;
  call.gpu = gpu;
  call.tf32 = program.tf32;
  return program.instructions[i].kernel->run(call);
}

}  // namespace videoclip
