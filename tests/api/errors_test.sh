#!/bin/bash
# What goes wrong is told with the right code, in the form that was asked for; nothing crashes.
. "$(dirname "$0")/lib.sh"
start_manager
make_place
none=00000000-0000-4000-8000-00000000dead

# ---- paths and methods ----
check "other path" "$(status_of "http://127.0.0.1:$api_port/client/")" 404
check "root" "$(status_of "http://127.0.0.1:$api_port/")" 404
check "PUT" "$(status_of -X PUT "$api?command=listZones")" 405
check "DELETE" "$(status_of -X DELETE "$inner?command=listZones")" 405
check "HEAD" "$(status_of -I "$inner?command=listZones")" 405
check "JSON body" "$(status_of -H 'Content-Type: application/json' -d '{}' "$inner?command=listZones")" 415

# ---- who is there ----
check "unsigned" "$(status_of "$api?command=listZones&response=json")" 401
answer=$(curl -s "$api?command=listZones&response=json")
check_jq "unsigned: text" "$answer" .listzonesresponse.errortext \
  "unable to verify user credentials and/or request signature"
check_jq "signed with SHA-256" "$(signed listZones)" .listzonesresponse.count 1
check_jq "signed with SHA-1" "$(hash=sha1 signed listZones)" .listzonesresponse.count 1
check_jq "space, Korean, plus" "$(signed listZones "name=한 글+")" .listzonesresponse '{}'
good=$(signed_query listZones "id=$zone")
check "wrong signature" "$(status_of "$api?${good}x")" 401
check "changed after signing" "$(status_of "$api?${good}&listall=true")" 401
check "wrong key" "$(status_of "$api?${good/apikey=/apikey=x}")" 401
check "wrong secret" "$(secret=other; status_of "$api?$(signed_query listZones)")" 401
soon=$(date -u -d '+60 seconds' +%Y-%m-%dT%H:%M:%S+0000)
late=$(date -u -d '-1 seconds' +%Y-%m-%dT%H:%M:%S+0000)
check "version 3, in time" "$(status_of "$api?$(signed_query listZones signatureversion=3 "expires=$soon")")" 200
check "version 3, late" "$(status_of "$api?$(signed_query listZones signatureversion=3 "expires=$late")")" 401
check "version 3, no expires" "$(status_of "$api?$(signed_query listZones signatureversion=3)")" 401
body=$(signed_query listZones)
check "signed POST" "$(status_of -d "$body" "$api")" 200
check "signed, unknown command" "$(status_of "$api?$(signed_query eatHosts)")" 401
check_jq "its envelope" "$(signed eatHosts)" '.errorresponse.errorcode' 401

# ---- commands and parameters ----
check "unknown command" "$(status_of "$inner?command=eatHosts")" 432
check_jq "its envelope" "$(admin eatHosts)" '.errorresponse|[.errorcode,.uuidList]' '[432,[]]'
check "no command" "$(status_of "$inner?response=json")" 432
check "wrong letter case" "$(status_of "$inner?command=listzones")" 432
check_jq "missing" "$(admin startVirtualMachine)" .startvirtualmachineresponse.errortext \
  "Unable to execute API command startvirtualmachine due to missing parameter id"
check "missing" "$(status_of "$inner?command=startVirtualMachine")" 431
check "malformed id" "$(status_of "$inner?command=listHosts&id=7")" 431
check "malformed number" "$(status_of "$inner?command=listHosts&page=x&pagesize=2")" 431
check "malformed flag" "$(status_of "$inner?command=stopVirtualMachine&id=$none&forced=perhaps")" 431
check "unknown id" "$(status_of "$inner?command=startVirtualMachine&id=$none")" 431
check "unknown filter id" "$(status_of "$inner?command=listHosts&zoneid=$none")" 431
check "unknown host" "$(status_of "$inner?command=listHosts&id=$none")" 431
check "unknown job" "$(status_of "$inner?command=queryAsyncJobResult&jobid=$none")" 431
check "control character" "$(status_of "$inner?command=listHosts&name=a%01")" 430
check "not UTF-8" "$(status_of "$inner?command=listHosts&name=%FF")" 430
check "malformed map" "$(status_of "$inner?command=updateVirtualMachine&id=$none&details%5Bx%5D.a=1")" 430
check "page alone" "$(status_of "$inner?command=listHosts&page=1")" 431
check "pagesize 501" "$(status_of "$inner?command=listHosts&page=1&pagesize=501")" 431
check "name taken" "$(status_of "$inner?command=addHost&hypervisor=KVM&zoneid=$zone&podid=$pod&clusterid=$cluster&url=kvm://h1")" 536
check "bad host name, new cluster" "$(status_of "$inner?command=addHost&hypervisor=KVM&zoneid=$zone&podid=$pod&clustername=new&url=kvm://h2&hosttags=$(printf 'x%.0s' $(seq 1 300))")" 431
check "no cluster for nothing" "$(admin listClusters name=new | jq -c .listclustersresponse)" '{}'
check "unknown power driver" "$(status_of "$inner?command=configureOutOfBandManagement&hostid=$host&driver=telepathy&address=10.0.0.1&port=623&username=u&password=p")" 431
long_password=$(printf 'hunter2%.0s' $(seq 1 50))
answer=$(admin configureOutOfBandManagement "hostid=$host" driver=ipmitool address=10.0.0.1 port=623 username=u "password=$long_password")
check_jq "password too long" "$answer" .configureoutofbandmanagementresponse.errorcode 431
check "it is not repeated" "$(printf '%s' "$answer" | grep -c hunter2)" 0
check_jq "long user name" "$(admin configureOutOfBandManagement "hostid=$host" driver=ipmitool address=10.0.0.1 port=623 username=12345678901234567 password=p)" .configureoutofbandmanagementresponse.errorcode 431
answer=$(admin createStoragePool name=x "url=rbd://mold:aHVudGVyMg==@127.0.0.1:1/vms" "zoneid=$zone" "clusterid=$cluster")
check "Ceph that is not there" "$(printf '%s' "$answer" | jq -r .createstoragepoolresponse.errorcode | grep -c '^[45]3[0-4]$')" 1
check "it is not repeated" "$(printf '%s' "$answer" | grep -c aHVudGVy)" 0
check "zone in use" "$(status_of "$inner?command=deleteZone&id=$zone")" 536
check "other hypervisor" "$(status_of "$inner?command=addCluster&clustername=x&zoneid=$zone&podid=$pod&hypervisor=XenServer")" 431
check "providers, exact case" "$(status_of "$inner?command=listHostHAProviders&hypervisor=kvm")" 431

# ---- much too much ----
head -c 1048576 /dev/zero | tr '\0' a >"$work/long"
# curl has a limit of its own: by hand. What the answer's first line says, or nothing.
raw_query() {
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  (printf 'GET /client/api?command=listZones&name='
   cat "$2"
   printf ' HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n') >&3 2>/dev/null
  timeout 5 head -c 12 <&3 2>/dev/null | tr -d '\0' | cut -c10-12
  exec 3>&-
}
check "1 MB query" "$(raw_query "$integration_port" "$work/long")" 414
check "1 MB query, signed port" "$(raw_query "$api_port" "$work/long")" 414
check "2 MB body" "$(cat "$work/long" "$work/long" | status_of --data-binary @- "$inner?command=listZones")" 413
check "60 KB of headers" "$(head -c 70000 "$work/long" | sed 's/^/X-Long: /' | status_of -H @- "$inner?command=listZones")" 431
check "300 KB, signed" "$( (printf 'command=listZones&apikey=%s&signature=x&userdata=' "$key"; head -c 300000 "$work/long") | status_of --data-binary @- "$api")" 431
: >"$work/log"
for _ in 1 2 3; do curl -s -o /dev/null "$api?command=listZones&name=a&name=b"; done
check "strangers do not fill the journal" "$(grep -c 'more than once' "$work/log")" 0
curl -s -o /dev/null "$inner?command=listZones&name=a&name=b"
check "one line for those we know" "$(grep -c 'more than once' "$work/log")" 1
many=$(for i in $(seq 1 1200); do printf '&a%s=1' "$i"; done)
check "1200 parameters" "$(status_of -d "command=listZones$many" "$inner")" 431
check "long garbage in a value" "$(head -c 30000 "$work/long" | status_of --data-urlencode page@- -d pagesize=2 "$inner?command=listHosts")" 431
printf 'GET /client/api?command=%%zz HTTP/1.1\r\n\r\nnonsense\0\r\n' | timeout 2 curl -s -m 2 telnet://127.0.0.1:"$integration_port" >/dev/null 2>&1
check "still there" "$(status_of "$inner?command=listZones")" 200
check "same process" "$(kill -0 "$manager_pid" 2>/dev/null && echo yes)" yes
finish
