#include <chrono>

#include "emulator/driver_state.h"

namespace videoclip {
namespace emulator {
namespace {

double now() {
  const std::chrono::duration<double, std::milli> t = std::chrono::steady_clock::now().time_since_epoch();
  return t.count();
}

}  // namespace

// Streams, events and graphs.
void add_streams(Driver& d) {
  d.stream_create = [](cu::Stream* stream, unsigned) {
    const Lock lock;
    if (!current) return broken(kInvalidContext, "cuStreamCreate: the thread has no current context");
    auto* made = new Stream;
    made->context = current;
    state().streams.insert(made);
    return *stream = made, cu::kSuccess;
  };
  d.stream_destroy = [](cu::Stream s) {
    const Lock lock;
    auto* stream = static_cast<Stream*>(s);
    if (const cu::Result r = check_stream(stream, "cuStreamDestroy"); r) return r;
    if (!stream->waiting.empty()) return broken(kInvalidHandle, "cuStreamDestroy: the stream has work in flight");
    state().streams.erase(stream);
    delete stream;
    return cu::kSuccess;
  };
  d.stream_synchronize = [](cu::Stream s) {
    const Lock lock;
    auto* stream = static_cast<Stream*>(s);
    if (const cu::Result r = check_stream(stream, "cuStreamSynchronize"); r) return r;
    if (const cu::Result r = unsafe_in_capture("cuStreamSynchronize"); r) return r;
    return result_of(stream->flush(stream->added));
  };
  d.stream_wait = [](cu::Stream s, cu::Event e, unsigned) {
    const Lock lock;
    auto *stream = static_cast<Stream*>(s), *source = static_cast<Event*>(e)->stream;
    auto* event = static_cast<Event*>(e);
    if (const cu::Result r = check_event(event, "cuStreamWaitEvent"); r) return r;
    if (event->capture) {
      if (stream->capture && stream->capture != event->capture) {
        return broken(kCaptureInvalidated, "cuStreamWaitEvent: the event is of another capture");
      }
      if (!stream->capture) {  // the stream joins the capture
        stream->capture = event->capture;
        event->capture->forked.push_back(stream);
      }
      if (stream == event->capture->origin) source->joined = true;
      return cu::kSuccess;
    }
    if (stream->capture) {
      stream->capture->invalid = "cuStreamWaitEvent: a captured stream waits for an event outside the capture";
      return broken(kCaptureInvalidated, stream->capture->invalid);
    }
    const uint64_t position = event->position;
    if (source) {
      stream->add({[=] { return source->flush(position); }, [=] { return source->done >= position; }, {}, event});
    }
    return cu::kSuccess;
  };

  d.event_create = [](cu::Event* event, unsigned flags) {
    const Lock lock;
    if (!current) return broken(kInvalidContext, "cuEventCreate: the thread has no current context");
    auto* made = new Event;
    made->context = current;
    made->timing = (flags & cu::kEventDisableTiming) == 0;
    state().events.insert(made);
    return *event = made, cu::kSuccess;
  };
  d.event_destroy = [](cu::Event e) {
    const Lock lock;
    auto* event = static_cast<Event*>(e);
    if (const cu::Result r = check_event(event, "cuEventDestroy"); r) return r;
    for (Stream* stream : state().streams) {
      if (stream->uses(event)) return broken(kInvalidHandle, "cuEventDestroy: work in flight still uses the event");
    }
    state().events.erase(event);
    delete event;
    return cu::kSuccess;
  };
  d.event_record = [](cu::Event e, cu::Stream s) {
    const Lock lock;
    auto* event = static_cast<Event*>(e);
    auto* stream = static_cast<Stream*>(s);
    if (const cu::Result r = check_event(event, "cuEventRecord"); r) return r;
    if (const cu::Result r = check_stream(stream, "cuEventRecord"); r) return r;
    if (event->context != stream->context) {
      return broken(kInvalidHandle, "cuEventRecord: the event and the stream are of different devices");
    }
    event->stream = stream;
    event->capture = stream->capture;
    if (stream->capture) return cu::kSuccess;
    const auto run = [event] {
      event->milliseconds = now();
      return Status{};
    };
    event->position = stream->added + 1;
    stream->add({run, always, {}, event});
    return cu::kSuccess;
  };
  d.event_synchronize = [](cu::Event e) {
    const Lock lock;
    auto* event = static_cast<Event*>(e);
    if (const cu::Result r = check_device(); r) return r;
    if (const cu::Result r = check_event(event, "cuEventSynchronize"); r) return r;
    if (const cu::Result r = unsafe_in_capture("cuEventSynchronize"); r) return r;
    return event->stream ? result_of(event->stream->flush(event->position)) : cu::kSuccess;
  };
  d.event_elapsed = [](float* milliseconds, cu::Event from, cu::Event to) {
    const Lock lock;
    const auto *begin = static_cast<Event*>(from), *end = static_cast<Event*>(to);
    for (const Event* event : {begin, end}) {
      if (!event->timing) return broken(kInvalidHandle, "cuEventElapsedTime: an event without timing");
      if (event->milliseconds == 0) return broken(kInvalidHandle, "cuEventElapsedTime: an event is not complete");
    }
    *milliseconds = static_cast<float>(end->milliseconds - begin->milliseconds);
    return cu::kSuccess;
  };

  d.capture_begin = [](cu::Stream s, int) {
    const Lock lock;
    auto* stream = static_cast<Stream*>(s);
    if (const cu::Result r = check_stream(stream, "cuStreamBeginCapture"); r) return r;
    if (stream->capture) return broken(kInvalidValue, "cuStreamBeginCapture: the stream is being captured");
    stream->capture = new Capture;
    stream->capture->origin = stream;
    stream->capture->thread = std::this_thread::get_id();
    return cu::kSuccess;
  };
  d.capture_end = [](cu::Stream s, cu::Graph* graph) {
    const Lock lock;
    auto* stream = static_cast<Stream*>(s);
    *graph = nullptr;
    if (!stream->capture) return broken(kInvalidValue, "cuStreamEndCapture: the stream is not being captured");
    const std::unique_ptr<Capture> capture(stream->capture);
    stream->capture = nullptr;
    bool joined = true;
    for (Stream* forked : capture->forked) {
      joined = joined && forked->joined;
      forked->capture = nullptr, forked->joined = true;
    }
    for (Event* event : state().events) {
      if (event->capture == capture.get()) event->capture = nullptr, event->stream = nullptr;
    }
    if (!capture->invalid.empty()) return broken(kCaptureInvalidated, capture->invalid);
    if (!joined) return broken(kCaptureUnjoined, "cuStreamEndCapture: a forked stream was not joined");
    *graph = new Executable{stream->context, capture->work};
    return cu::kSuccess;
  };
  d.graph_instantiate = [](cu::GraphExec* executable, cu::Graph graph, unsigned long long) {
    const Lock lock;
    auto* made = new Executable(*static_cast<Executable*>(graph));
    state().executables.insert(made);
    return *executable = made, cu::kSuccess;
  };
  d.graph_destroy = [](cu::Graph graph) { return delete static_cast<Executable*>(graph), cu::kSuccess; };
  d.graph_launch = [](cu::GraphExec e, cu::Stream s) {
    const Lock lock;
    auto* executable = static_cast<Executable*>(e);
    auto* stream = static_cast<Stream*>(s);
    if (!state().executables.count(executable)) return broken(kInvalidHandle, "cuGraphLaunch: no such graph");
    if (const cu::Result r = check_stream(stream, "cuGraphLaunch"); r) return r;
    for (Work work : executable->work) {
      work.uses = executable;
      stream->add(std::move(work));
    }
    return cu::kSuccess;
  };
  d.executable_destroy = [](cu::GraphExec e) {
    const Lock lock;
    auto* executable = static_cast<Executable*>(e);
    if (!state().executables.count(executable)) return broken(kInvalidHandle, "cuGraphExecDestroy: no such graph");
    for (Stream* stream : state().streams) {
      if (stream->uses(executable)) return broken(kInvalidHandle, "cuGraphExecDestroy: the graph is in flight");
    }
    state().executables.erase(executable);
    delete executable;
    return cu::kSuccess;
  };
}

}  // namespace emulator
}  // namespace videoclip
