#!/usr/bin/env node
require("../dist/run.js").run(process.argv.slice(2));
