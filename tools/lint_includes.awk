# Fails on a project include that points the wrong way, and on files without the opening comment or guard.
#   awk -f tools/lint_includes.awk FILE…
# Each folder may include itself and what is listed for it: dependencies point one way.
BEGIN {
    may["avatarchat"] = ""
    may["base"] = "avatarchat"
    may["media"] = "avatarchat base"
    may["infer"] = "avatarchat base"
    may["net"] = "avatarchat base"
    may["face"] = "avatarchat base media"
    may["core"] = "avatarchat base media"
    n = split("vad asr llm tts lipsync avatar", stages, " ")
    for (i = 1; i <= n; i++)
        may[stages[i]] = "avatarchat base media infer net"
    may["avatar"] = may["avatar"] " face"
    may["server"] = "avatarchat base media core"
    may["cli"] = "avatarchat base media infer face net core server"
}

function bad(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    failed = 1
}

FNR == 1 {
    n = split(FILENAME, part, "/")
    folder = part[2] # src/FOLDER/… or include/avatarchat/…
    guard = 0
    if (!(folder in may))
        bad("folder " folder " has no rule in tools/lint_includes.awk")
    if ($0 !~ /^\/\*/)
        bad("a file opens with a comment: what it is for and how it works")
}

/^#pragma once/ || /^#ifndef AC_/ || /^#ifndef AVATARCHAT_/ { guard = 1 }

/^#[ \t]*include[ \t]*"/ {
    path = $0
    sub(/^[^"]*"/, "", path)
    sub(/".*/, "", path)
    if (path ~ /\.\./)
        bad("no .. in an include: \"" path "\"")
    else if (path !~ /\//)
        bad("include by its folder: \"" folder "/" path "\"")
    else {
        split(path, part, "/")
        target = part[1]
        if (target != folder && index(" " may[folder] " ", " " target " ") == 0)
            bad(folder "/ must not include " target "/ (\"" path "\")")
    }
    if (FILENAME ~ /\.h$/ && !guard)
        bad("a header needs its guard before it includes")
}

/^#[ \t]*include[ \t]*<avatarchat\// { bad("the project's own headers are included with quotes") }

END { exit failed }
