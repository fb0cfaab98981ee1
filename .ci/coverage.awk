# From lcov's format: the coverage of each file of `framing` and `framing-protocol`, and what is not covered.

function share(covered, all) { return all ? sprintf("%.2f %%", 100 * covered / all) : "-" }

function row(name, id) {
    printf "%-44s %6d %6d %10s %8d %6d %10s\n", name, lines[id], lines[id] - hit[id], share(hit[id], lines[id]), \
        sides[id], sides[id] - taken[id], share(taken[id], sides[id])
}

# Adds to the figures of the file, of the group that it is in, and of all.
function count(figures, n) {
    figures[file] += n
    figures[group] += n
    figures["all"] += n
}

/^SF:/ {
    path = substr($0, 4)
    file = path
    ours = sub(/^.*\/crates\//, "", file) && file ~ /^(framing|protocol)\/src\//
    if (!ours) next
    if (file ~ /^protocol/) group = "protocol"
    else if (file ~ /\/(verify|adapters|spec)[\/.]/) group = "framing: adapters, specs and verifier"
    else group = "framing: decoder, encoder and framings"
    files[++n] = file
    end = 0
    split("", text)
    while ((getline source < path) > 0) {
        if (source ~ /^mod tests \{/) break
        text[++end] = source
        sub(/^ +/, "", text[end])
    }
    close(path)
    next
}

!ours { next }

/^DA:/ {
    split(substr($0, 4), field, ",")
    if (field[1] > end) next
    count(lines, 1)
    count(hit, field[2] > 0)
    if (field[2] == 0) missed[++misses] = file ":" field[1] ": " text[field[1]]
}

/^BRDA:/ {
    split(substr($0, 6), field, ",")
    if (field[1] > end) next
    count(sides, 1)
    count(taken, field[4] > 0)
    if (field[4] + 0 == 0) {
        side = field[3] % 2 ? "never false" : "never true"
        missed[++misses] = file ":" field[1] ": condition " field[2] + 1 " " side ": " text[field[1]]
    }
}

END {
    printf "%-44s %6s %6s %10s %8s %6s %10s\n", "", "lines", "missed", "", "branches", "missed", ""
    for (i = 1; i <= n; i++) row(files[i], files[i])
    print ""
    row("framing: decoder, encoder and framings", "framing: decoder, encoder and framings")
    row("framing: adapters, specs and verifier", "framing: adapters, specs and verifier")
    row("protocol", "protocol")
    row("all", "all")
    print "\nNot covered:"
    for (i = 1; i <= misses; i++) print missed[i]
}
