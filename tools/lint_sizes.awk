# Warns of long files and functions, fails on very long ones.
#   awk -f tools/lint_sizes.awk FILE…
# A function's body runs from a line "{" to a line "}", both at the margin (.clang-format sees to that).
BEGIN { warn_file = 600; fail_file = 800; warn_function = 80; fail_function = 120 }

function judge(where, what, lines, warn_at, fail_at) {
    if (lines > fail_at) {
        printf "%s: %s has %d lines, at most %d are allowed\n", where, what, lines, fail_at
        failed = 1
    } else if (lines > warn_at) {
        printf "%s: warning: %s has %d lines, better %d\n", where, what, lines, warn_at
    }
}

function end_file() {
    if (file != "")
        judge(file, "the file", last, warn_file, fail_file)
}

FNR == 1 {
    end_file()
    file = FILENAME
    start = 0
    name = ""
}
{ last = FNR }
/^[A-Za-z_].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
/^{$/ { start = FNR }
/^}$/ && start {
    judge(file ":" start, "the function " name, FNR - start - 1, warn_function, fail_function)
    start = 0
}
END {
    end_file()
    exit failed
}
