// What the pages say of the tree: node tools/dev/pages.mjs
//
// Every relative link in a Markdown page leads somewhere, to a heading if it names one; every source file that is named
// in backticks is there, and so is every page that a source names. Prints what does not hold.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'

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
}

for (const file of files.filter((name) => /\.(h|cc|ts|sh|mjs|txt|service|proto)$/.test(name))) {
  for (const [page] of read(file).matchAll(/\bdocs\/[\w-]+\.md\b/g)) {
    if (!known.has(page)) problems.push(`${file}: there is no ${page}`)
  }
}

for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0
