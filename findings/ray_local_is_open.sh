#!/bin/sh
# Ray: who can reach a Ray that ray.init() starts for one program on one machine?
#
# One would guess: with _node_ip_address="127.0.0.1" it listens on loopback only, and its folder and
#   its token belong to the user alone.
# What happens: on Linux every daemon but one listens on all interfaces; the folder that is given as
#   _temp_dir, also one made by mkdtemp with mode 700, gets mode 777; the token, which is all that
#   keeps others from running code, is written to ~/.ray/auth_token with the mode of the umask (644).
# Who is hurt: users of shared machines. Any other user there reads the token and runs code as them.
# Source: ray/_private/services.py (resolve_ip_for_localhost), ray/_common/utils.py
#   (try_to_create_directory), ray/_private/authentication/authentication_token_setup.py
#   (generate_and_save_token).
# Versions: ray 2.60.0, Python 3.11, Linux.
# Output seen:
#   listening on all interfaces: 6 of 7
#   with RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0: 0 of 7
#   mode of the folder: 777; of the token: 644
# Exits non-zero if this is no longer so.
set -eu
place=$(mktemp -d /tmp/find.XXXX)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet ray==2.60.0 psutil==7.2.2
cat > "$place/start.py" <<'EOF'
import os
import sys
import time

import psutil
import ray

folder = sys.argv[1]
os.mkdir(folder, 0o700)
ray.init(
    num_cpus=1,
    include_dashboard=False,
    object_store_memory=10**8,
    logging_level="ERROR",
    _node_ip_address="127.0.0.1",
    _temp_dir=folder,
)
time.sleep(1)
me = psutil.Process()
listening = [
    connection.laddr.ip
    for process in (me, *me.children(recursive=True))
    for connection in process.net_connections("tcp")
    if connection.status == psutil.CONN_LISTEN
]
mode = oct(os.stat(folder).st_mode & 0o777)[2:]
token = oct(os.stat(os.path.expanduser("~/.ray/auth_token")).st_mode & 0o777)[2:]
ray.shutdown()
print(sum(ip in ("::", "0.0.0.0") for ip in listening), len(listening), mode, token)
EOF
export HOME="$place" RAY_USAGE_STATS_ENABLED=0
umask 022
set -- $("$place/venv/bin/python" "$place/start.py" "$place/a" 2>/dev/null | tail -1)
echo "listening on all interfaces: $1 of $2"
open=$1 folder=$3 token=$4
set -- $(RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 \
    "$place/venv/bin/python" "$place/start.py" "$place/b" 2>/dev/null | tail -1)
echo "with RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0: $1 of $2"
echo "mode of the folder: $folder; of the token: $token"
[ "$open" -gt 0 ] && [ "$1" = 0 ] && [ "$folder" = 777 ] && [ "$token" = 644 ]
