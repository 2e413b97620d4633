#!/bin/sh
# Builds the web part: npm ci when the lock file changed, the pages (chat, and in monitor/ of it the panel, in docs/
# Swagger UI) when a source file is newer than what was built.
set -eu
cd "$(dirname "$0")/../web"
stamp=node_modules/.installed-lock
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
    echo "web: installing packages (npm ci)"
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json "$stamp"
fi
built=apps/chat/dist/docs/index.html # the last that is made
if [ ! -f "$built" ] || [ -n "$(find apps packages docs package-lock.json \
    \( -name node_modules -o -name dist \) -prune -o -type f -newer "$built" -print | head -n 1)" ]; then
    echo "web: building the pages"
    npm run build
    ui=node_modules/swagger-ui-dist docs=apps/chat/dist/docs
    mkdir -p "$docs"
    cp "$ui/swagger-ui.css" "$ui/swagger-ui-bundle.js" "$ui/LICENSE" "$ui/NOTICE" docs/docs.js "$docs/"
    cp docs/index.html "$docs/"
fi
