// What the pages say of the tree: node tools/dev/pages.mjs
//
// Every relative link in a Markdown page leads somewhere, to a heading if it names one; every source file that is named
// in backticks is there, and every test (`CommitTest.ClearDeletesEveryKey`), and so is every page that a source names;
// docs/README.md lists every page beside it; every reason of an error has its row in docs/troubleshooting.md; and
// ARCHITECTURE.md is read in ten minutes. Prints what does not hold.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'

// What is rarer goes to docs/code-map.md. Words are those of `wc -w`, which counts the bars of tables, without drawings.
const MOST_WORDS = { page: 'ARCHITECTURE.md', words: 1_200 }
const REASONS = 'docs/troubleshooting.md'
// A reason is a named constant, or stands beside its code; the client names it as a member, or in a call of refusal.
const REASON_FORMS = /string_view k\w+ = "([A-Z_]+)"|StatusCode::k\w+,\s*"([A-Z_]+)"|(?:reason: |refusal\()"([A-Z_]+)"(?: \| "([A-Z_]+)")?/g
const SOURCES_OF_REASONS = /^(server|storage)\/(?!failpoints\/).*\.(h|cc)$|^client\/node\/src\/(?!gen\/).*\.ts$/

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .trim()
  .split('\n')
const known = new Set(files.flatMap((file) => [file, basename(file), dirname(file)]))
const read = (file) => readFileSync(file, 'utf8')
const problems = []

// As GitHub makes them.
const anchors = (page) =>
  new Set(
    [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .toLowerCase()
        .replace(/ /g, '-'),
    ),
  )
const withoutCode = (page) => page.replace(/^ *```.*?^ *```/gms, '')

const tests = new Set(
  files
    .filter((name) => /^tests\/.*_test\.cc$/.test(name))
    .flatMap((name) => [...read(name).matchAll(/^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)/gm)])
    .map(([, suite, name]) => `${suite}.${name}`),
)

for (const file of files.filter((name) => name.endsWith('.md') && name !== 'CHANGELOG.md')) {
  const page = withoutCode(read(file))
  for (const [, link] of page.matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)) {
    const [path, anchor] = link.split('#')
    const target = path === '' ? file : normalize(join(dirname(file), path)).replace(/\/$/, '')
    if (!known.has(target)) problems.push(`${file}: ${link} leads nowhere`)
    else if (anchor && !anchors(withoutCode(read(target))).has(anchor)) problems.push(`${file}: no heading for ${link}`)
  }
  for (const [, name] of page.matchAll(/`((?!\.\w)[\w./-]+\.(?:h|cc|ts|sh|sql|proto|mjs))`/g)) {
    const there = files.some((other) => `/${other}`.endsWith(`/${name.replace(/^(\.\.?\/)+/, '')}`))
    if (!there && !/^index\./.test(name)) problems.push(`${file}: there is no ${name}`)
  }
  for (const [, name] of page.matchAll(/`(\w+Test\.[A-Z]\w+)`/g)) {
    if (!tests.has(name)) problems.push(`${file}: there is no test ${name}`)
  }
}

const words = withoutCode(read(MOST_WORDS.page)).match(/\S+/g).length
if (words > MOST_WORDS.words) problems.push(`${MOST_WORDS.page}: ${words} words, and at most ${MOST_WORDS.words}`)

const index = read('docs/README.md')
for (const file of files.filter((name) => /^docs\/(?!README).*\.md$/.test(name))) {
  if (!index.includes(`](${basename(file)})`)) problems.push(`docs/README.md: ${file} is not listed`)
}

const reasons = new Set()
for (const file of files.filter((name) => /\.(h|cc|ts|sh|mjs|txt|service|proto)$/.test(name))) {
  const source = read(file)
  for (const [page] of source.matchAll(/\bdocs\/[\w-]+\.md\b/g)) {
    if (!known.has(page)) problems.push(`${file}: there is no ${page}`)
  }
  if (!SOURCES_OF_REASONS.test(file)) continue
  for (const [, ...found] of source.matchAll(REASON_FORMS)) found.filter(Boolean).forEach((name) => reasons.add(name))
}
const explained = new Set([...read(REASONS).matchAll(/^\| *`([A-Z_]+)`/gm)].map(([, reason]) => reason))
for (const reason of reasons) if (!explained.has(reason)) problems.push(`${REASONS}: no row for ${reason}`)
for (const reason of explained) if (!reasons.has(reason)) problems.push(`${REASONS}: nobody gives ${reason}`)

for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0
