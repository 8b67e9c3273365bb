# Lists links of Markdown pages below the first argument that lead to no file.
cd "$1" || exit 1
for page in README.md docs/*.md docs/walkthrough/*.md examples/*/README.md; do
  sed -e '/^```/,/^```/d' -e 's/`[^`]*`//g' "$page" | grep -o -E '\]\([^)# ]+' | sed 's/^](//' | grep -v '://' | while read -r link; do
    test -e "$(dirname "$page")/$link" || echo "$page: $link"
  done
done
exit 0
