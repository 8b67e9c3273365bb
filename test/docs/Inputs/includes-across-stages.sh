# Lists the includes by which a stage (a folder of compiler/, below the first argument) reaches into another stage.
cd "$1" || exit 1
for stage in parse check fmt import recognise differentiate precision shard fuse schedule allocate vectorize emit report plan interpret machines; do
  test -d "compiler/$stage" || echo "no stage $stage"
  grep -r -n '#include "compiler/' "compiler/$stage" --include=*.h --include=*.cpp |
    grep -v -E "\"compiler/($stage|syntax|support|machines)/"
done
exit 0
