// Runs clang-tidy over our C++ sources, one process a core: node tools/dev/tidy.mjs BUILD_DIR CACHE_DIR
//
// Nearly all of its time goes into the headers, which it walks anew for each source. So sources with the same flags are
// checked together, as one that includes them. Where they cannot stand together (two have a constant of the same name),
// each half is tried on its own; and a source in which the group has a finding is checked alone, which decides.
//
// A source that passed is not checked again until its compile command, .clang-tidy, clang-tidy itself or any file it
// includes changes: CACHE_DIR holds an empty file named by the digest of all these. The includes are those that the
// last compilation found, so BUILD_DIR must hold a finished build. Of what is precompiled it finds none: that is of packages.

import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'

const root = process.cwd()
const [buildDir, cacheDir] = process.argv.slice(2).map((directory) => resolve(directory))
// The compile commands that clang-tidy reads.
const tidyDir = join(buildDir, 'tidy')
const arguments_ = [
  '--quiet',
  '--extra-arg=-Wthread-safety',
  '--extra-arg=-Wold-style-cast',
  // What GCC takes and clang does not know is no fault of the code.
  '--extra-arg=-Wno-unknown-warning-option',
  '--extra-arg=-Wno-ignored-optimization-argument',
]
// The most files that are checked together.
const groupSize = 16
// What a finding begins with: the file, of a source or a header of ours.
const findingPattern = /^(\/[^\s:]+):\d+:\d+: (?:error|warning): .*\[[\w.,-]+\]$/gm
const precompiledPattern = / (-Winvalid-pch|-fpch-preprocess|-include \S+\/cmake_pch\.hxx)(?= )/g
const keptDays = 30
const outputLimit = 64 << 20

const digest = (text) => createHash('sha256').update(text).digest('hex')

const fileDigests = new Map()
function fileDigest(path) {
  if (!fileDigests.has(path)) fileDigests.set(path, existsSync(path) ? digest(readFileSync(path)) : 'absent')
  return fileDigests.get(path)
}

// The files that each object was made of, by the object's path below the build directory.
function includesByObject() {
  const includes = new Map()
  let current = []
  const text = execFileSync('ninja', ['-C', buildDir, '-t', 'deps'], { encoding: 'utf8', maxBuffer: outputLimit * 8 })
  for (const line of text.split('\n')) {
    const object = /^(\S+): #deps/.exec(line)
    if (object) includes.set(object[1], (current = []))
    else if (line.startsWith('    ')) current.push(resolve(buildDir, line.trim()))
  }
  return includes
}

// Our own sources: those of the tree, not the generated ones of the build directory. Each as it is, without the
// precompiled headers of the build (cmake/Precompile.cmake).
function ourCompilations() {
  const all = JSON.parse(readFileSync(join(buildDir, 'compile_commands.json'), 'utf8'))
  return all
    .filter(({ file }) => !relative(root, file).startsWith('..') && relative(buildDir, file).startsWith('..'))
    .map((each) => ({ ...each, command: each.command.replaceAll(precompiledPattern, '') }))
}

function cacheKey({ file, command, output }, includes, version) {
  const object = output ?? /\s-o (\S+)/.exec(command)[1]
  const files = includes.get(object)
  if (!files) throw new Error(`${relative(root, file)} is not compiled yet: build first`)
  const parts = files.map((path) => `${relative(root, path)} ${fileDigest(path)}`).sort()
  const rules = ['.clang-tidy', 'tests/.clang-tidy'].map((name) => fileDigest(join(root, name)))
  return digest([version, ...rules, ...arguments_, command.replaceAll(root, '.'), ...parts].join('\n'))
}

function forgetOldResults() {
  const oldest = Date.now() - keptDays * 24 * 3600 * 1000
  for (const name of readdirSync(cacheDir)) {
    const path = join(cacheDir, name)
    if (statSync(path).mtimeMs < oldest) unlinkSync(path)
  }
}

// The flags alone, without what is compiled and where to.
function flagsOf({ command }) {
  return command.replace(/ -o \S+ -c \S+$/, '')
}

async function tidy(directory, file, ...options) {
  const all = ['-p', directory, ...arguments_, ...options, file]
  try {
    await promisify(execFile)('clang-tidy', all, { maxBuffer: outputLimit })
    return ''
  } catch (error) {
    return error.stdout || error.message
  }
}

// Sources below a .clang-tidy of their own have a folder of their own, where a copy of it is found.
const rulesFolder = (file) => (relative(root, file).startsWith('tests/') ? 'tests' : '.')

const headerFilter = /^HeaderFilterRegex: '(.*)'$/m.exec(readFileSync('.clang-tidy', 'utf8'))[1]
// To clang-tidy a source that is included is a header.
const groupOptions = [
  `--header-filter=\\.cc$|${headerFilter}`,
  '--extra-arg=-Xclang',
  '--extra-arg=-analyzer-opt-analyze-headers',
]
// It does nothing without any check: this one costs nothing.
const parseOnly = ['--checks=-*,misc-new-delete-overloads', '--extra-arg=-w']

let groups = 0
// Writes the source that includes all of `group`, with its compile command.
function unite(group) {
  const directory = join(tidyDir, `${++groups}`)
  const folder = join(directory, rulesFolder(group[0].file))
  const file = join(folder, 'group.cc')
  mkdirSync(folder, { recursive: true })
  if (folder !== directory) copyFileSync(join(root, rulesFolder(group[0].file), '.clang-tidy'), join(folder, '.clang-tidy'))
  const lines = group.map((each) => `#include "${each.file}"  // NOLINT(bugprone-suspicious-include)\n`)
  writeFileSync(file, lines.join(''))
  const entry = { directory: buildDir, command: `${flagsOf(group[0])} -c ${file}`, file }
  writeFileSync(join(directory, 'compile_commands.json'), JSON.stringify([entry]))
  return { directory, file }
}

// Checks `group`; `report` is called once for each source, with what was found in it or in a header.
async function check(group, report) {
  if (group.length === 1) return report(group[0], await tidy(tidyDir, group[0].file))
  const { directory, file } = unite(group)
  if (await tidy(directory, file, ...parseOnly)) {
    const half = group.length >> 1
    await check(group.slice(0, half), report)
    return await check(group.slice(half), report)
  }
  const said = await tidy(directory, file, ...groupOptions)
  const files = [...said.matchAll(findingPattern)].map((match) => match[1])
  // Where a finding is in a header, or it is no finding at all, any of them may be the reason.
  const ofSources = files.length > 0 && files.every((each) => group.some((source) => source.file === each))
  for (const each of group) {
    if (said && (!ofSources || files.includes(each.file))) await check([each], report)
    else report(each, '')
  }
}

// In groups of the same flags and rules.
function grouped(compilations) {
  const alike = new Map()
  for (const each of compilations) {
    const key = `${rulesFolder(each.file)} ${flagsOf(each)}`
    alike.set(key, [...(alike.get(key) ?? []), each])
  }
  const all = []
  for (const group of alike.values()) {
    for (let at = 0; at < group.length; at += groupSize) all.push(group.slice(at, at + groupSize))
  }
  // The largest first, so that none is left over for one processor.
  return all.sort((a, b) => b.length - a.length)
}

mkdirSync(cacheDir, { recursive: true })
forgetOldResults()
const version = execFileSync('clang-tidy', ['--version'], { encoding: 'utf8' })
const includes = includesByObject()
const compilations = ourCompilations()
mkdirSync(tidyDir, { recursive: true })
writeFileSync(join(tidyDir, 'compile_commands.json'), JSON.stringify(compilations))
const unseen = []
for (const compilation of compilations) {
  const result = join(cacheDir, cacheKey(compilation, includes, version))
  if (existsSync(result)) utimesSync(result, new Date(), new Date())
  else unseen.push({ ...compilation, result })
}
const waiting = grouped(unseen)
console.log(`${unseen.length} sources to check, in ${waiting.length} groups`)

let left = unseen.length
let faulty = 0
function report({ file, result }, findings) {
  left--
  if (findings) {
    faulty++
    console.log(`${relative(root, file)}: faults\n${findings}`)
  } else {
    writeFileSync(result, '')
  }
}
async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const began = Date.now()
    await check(next, report)
    console.log(`${next.length} sources in ${Math.round((Date.now() - began) / 1000)} s; ${left} left`)
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
process.exitCode = faulty ? 1 : 0
