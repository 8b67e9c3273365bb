# expect-exit.sh CODE COMMAND...: fails unless COMMAND exits with CODE; its output goes to standard output.
code=$1
shift
"$@" 2>&1
got=$?
((got == code)) || { echo "exit code $got, not $code, of: $*" >&2; exit 1; }
