// Runs clang-tidy over our C++ sources, one process a core: node tools/dev/tidy.mjs BUILD_DIR CACHE_DIR
//
// A source that passed is not checked again until its compile command, .clang-tidy, clang-tidy itself or any file it
// includes changes: CACHE_DIR holds an empty file named by the digest of all these. The includes are those that the
// last compilation found, so BUILD_DIR must hold a finished build.

import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'

const root = process.cwd()
const [buildDir, cacheDir] = process.argv.slice(2).map((directory) => resolve(directory))
const arguments_ = [
  '--quiet',
  '--extra-arg=-Wthread-safety',
  '--extra-arg=-Wold-style-cast',
  // What GCC takes and clang does not know is no fault of the code.
  '--extra-arg=-Wno-unknown-warning-option',
  '--extra-arg=-Wno-ignored-optimization-argument',
]
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

// Our own sources: those of the tree, not the generated ones of the build directory.
function ourCompilations() {
  const all = JSON.parse(readFileSync(join(buildDir, 'compile_commands.json'), 'utf8'))
  return all.filter(({ file }) => !relative(root, file).startsWith('..') && relative(buildDir, file).startsWith('..'))
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

async function check({ file }) {
  try {
    await promisify(execFile)('clang-tidy', ['-p', buildDir, ...arguments_, file], { maxBuffer: outputLimit })
    return ''
  } catch (error) {
    return error.stdout || error.message
  }
}

mkdirSync(cacheDir, { recursive: true })
forgetOldResults()
const version = execFileSync('clang-tidy', ['--version'], { encoding: 'utf8' })
const includes = includesByObject()
const waiting = []
for (const compilation of ourCompilations()) {
  const result = join(cacheDir, cacheKey(compilation, includes, version))
  if (existsSync(result)) utimesSync(result, new Date(), new Date())
  else waiting.push({ ...compilation, result })
}
console.log(`${waiting.length} sources to check`)

let faulty = 0
async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const began = Date.now()
    const findings = await check(next)
    console.log(`${relative(root, next.file)}: ${findings ? 'faults' : 'clean'}, ${Math.round((Date.now() - began) / 1000)} s`)
    if (findings) {
      faulty++
      console.log(findings)
    } else {
      writeFileSync(next.result, '')
    }
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
process.exitCode = faulty ? 1 : 0
