#!/bin/sh
# Which ways of going on with a broken download make a wrong file, and say that all is well?
#
#   crates/client/tests/corruption.sh [FOLDER OF framing-server AND framing-client, default target/debug]
#
# Each tool is given the same situations, and is right if its file is the server's, or if it fails. What is not
# installed is left out. Prints a table in Markdown; exits with 1 if framing-client was ever wrong.
set -u

bin=$(cd "${1:-target/debug}" && pwd) || exit 2
work=$(mktemp -d)
pids=
# Only what was started here is ended.
trap 'for pid in $pids; do kill "$pid" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"
mkdir "$work/root" "$work/home" "$work/keys" && chmod 755 "$work/root"
cd "$work" || exit 2
has() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

size=$((32 * 1024 * 1024))
half=$((8 * 1024 * 1024))
head -c $size /dev/urandom >first
head -c $size /dev/urandom >second
base=$((20000 + $$ % 10000))
http=$base ssh=$((base + 1)) rsyncd=$((base + 2)) ours=$((base + 3))

export HOME="$work/home" XDG_CONFIG_HOME="$work/home" XDG_RUNTIME_DIR="$work/home" XDG_STATE_HOME="$work/home"
"$bin/framing-server" --listen 127.0.0.1:$ours --root "$work/root" >server.log 2>&1 &
pids="$pids $!"

if has nginx; then
    cat >nginx.conf <<END
daemon off; pid $work/nginx.pid; error_log $work/nginx.log; worker_processes 1;
events {}
http { access_log off; server { listen 127.0.0.1:$http; root $work/root; } }
END
    [ "$(id -u)" = 0 ] && sed -i '1s/^/user root; /' nginx.conf
    PATH=$PATH:/usr/sbin nginx -c "$work/nginx.conf" >/dev/null 2>&1 &
    pids="$pids $!"
fi
if has sshd && has sftp; then
    ssh-keygen -q -t ed25519 -N '' -f keys/host && ssh-keygen -q -t ed25519 -N '' -f keys/user
    cp keys/user.pub keys/authorized && chmod 600 keys/authorized
    [ "$(id -u)" = 0 ] && mkdir -p /run/sshd
    cat >sshd.conf <<END
Port $ssh
ListenAddress 127.0.0.1
HostKey $work/keys/host
AuthorizedKeysFile $work/keys/authorized
StrictModes no
PermitRootLogin yes
Subsystem sftp internal-sftp
PidFile none
END
    "$(command -v sshd || echo /usr/sbin/sshd)" -D -f "$work/sshd.conf" >sshd.log 2>&1 &
    pids="$pids $!"
fi
if has rsync; then
    printf 'use chroot = no\n[root]\npath = %s/root\nread only = yes\n' "$work" >rsyncd.conf
    [ "$(id -u)" = 0 ] && printf 'uid = root\ngid = root\n' >>rsyncd.conf
    rsync --daemon --no-detach --config="$work/rsyncd.conf" --address=127.0.0.1 --port=$rsyncd \
        >rsyncd.log 2>&1 &
    pids="$pids $!"
fi
sleep 1

url=http://127.0.0.1:$http/file
client="$bin/framing-client --server 127.0.0.1:$ours get file --stall-timeout 5s --retries 0"
# At 8 MiB a second, so that there is time to change the source; `fast` is without that.
fetch() { # TOOL slow|fast
    case $1-$2 in
    curl-slow) timeout 60 curl -s -f -C - --limit-rate 8M -o file "$url" ;;
    curl-fast) timeout 60 curl -s -f -C - -o file "$url" ;;
    wget-slow) timeout 60 wget -q -t 1 -c --limit-rate=8m "$url" ;;
    wget-fast) timeout 60 wget -q -t 1 -c "$url" ;;
    aria2c-slow) timeout 60 aria2c -q -c --max-tries=1 --auto-file-renaming=false --max-download-limit=8M "$url" ;;
    aria2c-fast) timeout 60 aria2c -q -c --max-tries=1 --auto-file-renaming=false "$url" ;;
    sftp-*) limit=
        [ "$2" = slow ] && limit="-l 65536"
        # shellcheck disable=SC2086
        echo "reget $work/root/file file" | timeout 60 sftp -q -b - $limit -P $ssh -i "$work/keys/user" \
            -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR 127.0.0.1 ;;
    rsync-slow) timeout 60 rsync -q -t --append --bwlimit=8m rsync://127.0.0.1:$rsyncd/root/file file ;;
    rsync-fast) timeout 60 rsync -q -t --append rsync://127.0.0.1:$rsyncd/root/file file ;;
    framing-slow) timeout 60 $client --limit-rate 8MiB ;;
    framing-fast) timeout 60 $client ;;
    esac >>"$work/tools.log" 2>&1
}

# What is left of a download of the first file. Only ours is a pair of files, and has to be broken off.
part() { # TOOL
    if [ "$1" = framing ]; then
        $client --limit-rate 8MiB >>"$work/tools.log" 2>&1 &
        pid=$!
        sleep 1
        # A shell has what it starts in the background ignore SIGINT.
        kill -TERM $pid
        wait $pid
        [ -s file.part.state ] || { echo "no part of ours" >&2; exit 2; }
    else
        head -c $half ../first >file
    fi
}
left() { if [ "$1" = framing ]; then echo file.part; else echo file; fi; }

wrong=0
try() { # TOOL SITUATION
    rm -rf here && mkdir here && cd here || exit 2
    cp ../first ../root/file
    touch -d '2020-01-01' ../root/file
    speed=fast
    if [ "$2" != truncated ]; then part "$1"; fi
    case $2 in
    prefix) printf 'X other bytes X' | dd of="$(left "$1")" conv=notrunc bs=1 seek=1000 status=none ;;
    replaced) cp ../second ../root/file && touch -d '2020-01-01' ../root/file ;;
    appended) head -c 1000 ../second >>../root/file ;;
    longer) { cat ../second; head -c 1000 ../first; } >../root/file ;;
    truncated) speed=slow
        { sleep 1; truncate -s $((24 * 1024 * 1024)) ../root/file; } & cutter=$! ;;
    shorter) head -c 1000000 ../second >../root/file ;;
    esac
    fetch "$1" $speed
    code=$?
    [ "$2" = truncated ] && wait $cutter
    if [ $code != 0 ]; then
        # What a failure leaves must not look whole; ours has no such name then.
        if [ "$1" = framing ] && [ -e file ]; then verdict="**wrong file**, exit $code" wrong=1
        else verdict="fails, exit $code"; fi
    elif cmp -s file ../root/file; then verdict=right
    else
        verdict="**wrong file, exit 0**"
        [ "$1" = framing ] && wrong=1
    fi
    cd ..
    printf ' %s |' "$verdict"
}

echo '| | other bytes in the part | replaced, same size and date | appended to | rewritten, longer | truncated in mid-transfer | part longer than the source |'
echo '|---|---|---|---|---|---|---|'
for tool in curl wget aria2c sftp rsync framing; do
    case $tool in
    curl) name='`curl -C -`' needs='curl nginx' ;;
    wget) name='`wget -c`' needs='wget nginx' ;;
    aria2c) name='`aria2c -c`' needs='aria2c nginx' ;;
    sftp) name='`sftp reget`' needs='sftp sshd' ;;
    rsync) name='`rsync --append`' needs=rsync ;;
    framing) name='`framing-client get`' needs= ;;
    esac
    for need in $needs; do
        has "$need" || { echo "skipped: $tool needs $need" >&2; continue 2; }
    done
    printf '| %s |' "$name"
    for situation in prefix replaced appended longer truncated shorter; do try $tool $situation; done
    echo
done
exit $wrong
