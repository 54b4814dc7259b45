// Writes the Grafana dashboards of deploy/monitoring/dashboards: node tools/dashboards/generate.mjs
//
// With --check it writes nothing, and fails where a file is not what it would write.
import { readFileSync, writeFileSync } from 'node:fs'
import { databasesDashboard } from './databases.mjs'
import { serversDashboard } from './servers.mjs'

const FOLDER = 'deploy/monitoring/dashboards'
const check = process.argv.includes('--check')

for (const dashboard of [serversDashboard, databasesDashboard]) {
  const name = `${FOLDER}/${dashboard.uid}.json`
  const file = new URL(`../../${name}`, import.meta.url)
  const text = `${JSON.stringify(dashboard, null, 2)}\n`
  if (!check) writeFileSync(file, text)
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${name} is not current: node tools/dashboards/generate.mjs`)
    process.exitCode = 1
  }
}
