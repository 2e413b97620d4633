#!/bin/sh
# Builds the web part: npm ci when the lock file changed, the pages (chat, and in monitor/ of it the panel) when a source file is newer than what was built.
set -eu
cd "$(dirname "$0")/../web"
stamp=node_modules/.installed-lock
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
    echo "web: installing packages (npm ci)"
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json "$stamp"
fi
built=apps/chat/dist/monitor/index.html # the last that is made
if [ ! -f "$built" ] || [ -n "$(find apps packages package-lock.json \
    \( -name node_modules -o -name dist \) -prune -o -type f -newer "$built" -print | head -n 1)" ]; then
    echo "web: building the pages"
    npm run build
fi
