# kill-and-resume.sh KILLS FOLDER COMMAND...: kills the training with -9 at KILLS random moments, each while it makes
# progress, then lets it end; fails unless as many kills hit a running one.
kills=$1 folder=$2
shift 2
for ((hit = 0, round = 0; hit < kills; ++round)); do
  ((round < 10 * kills)) || { echo "the training ends before it is killed" >&2; exit 1; }
  "$@" > killed.txt 2>&1 &
  pid=$!
  sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
  kill -9 $pid 2> /dev/null
  wait $pid
  code=$?
  case $code in
    137) hit=$((hit + 1)) ;;
    0) rm -rf "$folder" ;; # it had ended: again from the start
    *) cat killed.txt >&2; echo "exit code $code" >&2; exit 1 ;;
  esac
done
echo "$hit kills"
"$@"
