#!/bin/sh
# Compiles a file and keeps what the compiler says beside the object: registers and spills of the kernels.
log=/dev/null
previous=
for argument in "$@"; do
  [ "$previous" = -o ] && log="$argument.log"
  previous=$argument
done
"$@" >"$log" 2>&1
status=$?
[ $status -eq 0 ] || cat "$log" >&2
exit $status
