#!/bin/bash
# The commands one by one against a live manager: envelopes in JSON and XML, paging, jobs, events.
. "$(dirname "$0")/lib.sh"
start_manager

# ---- empty, then filled ----
check "empty list, JSON" "$(admin listZones)" '{"listzonesresponse":{}}'
check "empty list, XML" "$(curl -s "$inner?command=listZones")" \
  '<?xml version="1.0" encoding="UTF-8"?><listzonesresponse cloud-stack-version="4.20.0.0"></listzonesresponse>'
check "type" "$(curl -s -o /dev/null -w '%{content_type}' "$inner?command=listZones&response=json")" \
  "application/json; charset=UTF-8"
make_place
check_jq "zone" "$(admin listZones "name=z1")" '.listzonesresponse|[.count,.zone[0].id]' "[1,\"$zone\"]"
check "XML is well formed" "$(curl -s "$inner?command=listHosts" | xmllint --xpath 'string(/listhostsresponse/host/hostha/hastate)' - 2>/dev/null)" Disabled

# ---- hosts ----
row=$(admin listHosts | jq -c '.listhostsresponse.host[0]')
check_jq "host row" "$row" '[.name,.state,.resourcestate,.type,.hypervisor,.enrolled]' \
  '["h1","Connecting","Enabled","Routing","KVM",false]'
check_jq "its blocks" "$row" '[.hostha.haenable,.hostha.hastate,.outofbandmanagement.enabled,.outofbandmanagement.powerstate]' \
  '[false,"Disabled",false,"Disabled"]'
added=$(admin addHost hypervisor=KVM "zoneid=$zone" "podid=$pod" clustername=c2 url=http://10.0.0.12 name=h2 hosttags=a,b)
check_jq "addHost" "$added" '.addhostresponse|[.count,.host[0].name,.host[0].ipaddress,.host[0].clustername,.host[0].hosttags,(.host[0].enrolmenttoken|length>20)]' \
  '[1,"h2","10.0.0.12","c2","a,b",true]'
check_jq "token is shown once" "$(admin listHosts)" '[.listhostsresponse.host[].enrolmenttoken]' '[null,null]'
check_jq "another token" "$(admin issueHostEnrolmentToken "id=$host")" \
  '.issuehostenrolmenttokenresponse.hostenrolment|[.hostname,(.enrolmenttoken|length>20)]' '["h1",true]'
check_jq "disable" "$(admin updateHost "id=$host" allocationstate=Disable)" .updatehostresponse.host.resourcestate Disabled
check_jq "enable" "$(admin updateHost "id=$host" allocationstate=Enable)" .updatehostresponse.host.resourcestate Enabled

# ---- paging ----
for i in 1 2 3 4 5; do admin createServiceOffering "name=o$i" cpunumber=1 cpuspeed=100 memory=64 >/dev/null; done
check_jq "page 2 of 5" "$(admin listServiceOfferings page=2 pagesize=2)" \
  '.listserviceofferingsresponse|[.count,[.serviceoffering[].name]]' '[5,["o3","o4"]]'
check_jq "beyond the end" "$(admin listServiceOfferings page=9 pagesize=2)" .listserviceofferingsresponse '{"count":5}'
check_jq "keyword" "$(admin listServiceOfferings keyword=O3)" .listserviceofferingsresponse.count 1

# ---- HA and OOBM ----
oobm() { admin configureOutOfBandManagement "hostid=$host" driver=ipmitool address=127.0.0.1 port=9001 username=admin "password=$1" "${@:2}"; }
check_jq "OOBM: enable before configure" "$(admin enableOutOfBandManagementForHost "hostid=$host")" .enableoutofbandmanagementforhostresponse.errorcode 431
answer=$(oobm s3cret)
check_jq "OOBM configured" "$answer" '.configureoutofbandmanagementresponse.outofbandmanagement|[.driver,.username,.password,.status]' '["ipmitool","admin",null,true]'
check "no password in the database" "$(grep -c s3cret "$state"/* 2>/dev/null | grep -v ':0$')" ""
job=$(admin enableOutOfBandManagementForHost "hostid=$host" | jq -r .enableoutofbandmanagementforhostresponse.jobid)
check_jq "OOBM enabled" "$(wait_job "$job")" '.queryasyncjobresultresponse|[.jobstatus,.jobresulttype,.jobresult.outofbandmanagement.enabled]' '[1,"object",true]'
job=$(admin issueOutOfBandManagementPowerAction "hostid=$host" action=status | jq -r .issueoutofbandmanagementpoweractionresponse.jobid)
check_jq "power status" "$(wait_job "$job")" '.queryasyncjobresultresponse|[.jobstatus,.jobresult.outofbandmanagement.powerstate,.jobresult.outofbandmanagement.description]' '[1,"On","test driver: done"]'
oobm wrong >/dev/null
job=$(admin issueOutOfBandManagementPowerAction "hostid=$host" action=STATUS | jq -r .issueoutofbandmanagementpoweractionresponse.jobid)
check_jq "power failure" "$(wait_job "$job")" '.queryasyncjobresultresponse|[.jobstatus,.jobresultcode,.jobresult.errorcode]' '[2,530,530]'
check "bad timeout" "$(status_of "$inner?command=issueOutOfBandManagementPowerAction&hostid=$host&action=STATUS&timeout=301")" 431
check_jq "options of the driver" "$(oobm s3cret "details[0].key=cipher" "details[0].value=17")" '.configureoutofbandmanagementresponse.outofbandmanagement.details' '{"cipher":"17"}'
check_jq "stay when not named" "$(oobm s3cret)" '.configureoutofbandmanagementresponse.outofbandmanagement.details' '{"cipher":"17"}'
job=$(admin changeOutOfBandManagementPassword "hostid=$host" | jq -r .changeoutofbandmanagementpasswordresponse.jobid)
check_jq "password changed" "$(wait_job "$job")" '.queryasyncjobresultresponse|[.jobstatus,.jobresult.outofbandmanagement.hostid,.jobresult.outofbandmanagement.status,.jobresult.outofbandmanagement.password]' "[1,\"$host\",true,null]"

# ---- fence devices and drills ----
feed=$(admin addFenceDevice "hostid=$host" driver=ipmitool address=127.0.0.1 username=u password=p name=feed level=1 "details[0].key=cipher" "details[0].value=3")
check_jq "device" "$feed" '.addfencedeviceresponse.fencedevice|[.hostname,.name,.level,.driver,.enabled,.details.cipher,.password]' '["h1","feed",1,"ipmitool",true,"3",null]'
feed=$(printf '%s' "$feed" | jq -r .addfencedeviceresponse.fencedevice.id)
check "same name" "$(status_of "$inner?command=addFenceDevice&hostid=$host&driver=ipmitool&name=feed")" 536
check "bad level" "$(status_of "$inner?command=addFenceDevice&hostid=$host&driver=ipmitool&level=0")" 431
check "unknown driver" "$(status_of "$inner?command=addFenceDevice&hostid=$host&driver=telepathy")" 431
check_jq "update" "$(admin updateFenceDevice "id=$feed" level=3 enabled=false)" '.updatefencedeviceresponse.fencedevice|[.level,.enabled,.username]' '[3,false,"u"]'
check_jq "and back" "$(admin updateFenceDevice "id=$feed" enabled=true)" .updatefencedeviceresponse.fencedevice.enabled true
check_jq "devices" "$(admin listFenceDevices "clusterid=$cluster")" '.listfencedevicesresponse|[.count,.fencedevice[0].name]' '[1,"feed"]'
job=$(admin runFenceDrill "hostid=$host" | jq -r .runfencedrillresponse.jobid)
check_jq "drill" "$(wait_job "$job")" '.queryasyncjobresultresponse|[.jobstatus,.jobresult.count,[.jobresult.fencedrill[]|[.devicename,.executorname,.state,.powerstate,.chosen]]]' \
  '[1,2,[["BMC","manager","good","On",true],["feed","manager","good","On",true]]]'
check_jq "drills" "$(admin listFenceDrills "hostid=$host")" '.listfencedrillsresponse|[.count,.fencedrill[0].score>=80]' '[2,true]'
check_jq "in the host's row" "$(admin listHosts "id=$host")" '.listhostsresponse.host[0]|[.fencedrillstate,.fencedrillscore>=80,(.fencedrillage|type),(.fencedrillreason|length>0)]' '["good",true,"number",true]'
check "nothing to drill" "$(status_of "$inner?command=runFenceDrill&hostid=$(admin listHosts name=h2 | jq -r '.listhostsresponse.host[0].id')")" 431
check_jq "gone" "$(admin removeFenceDevice "id=$feed")" .removefencedeviceresponse.success true
check_jq "from the drills too" "$(admin listFenceDevices)" .listfencedevicesresponse '{}'
check "metrics" "$(curl -s "http://127.0.0.1:$integration_port/metrics" | grep -c '^mold_host_ha_state{host="h1",state=')" 1
check "not for strangers" "$(status_of "http://127.0.0.1:$api_port/metrics")" 404
check_jq "settings" "$(admin listConfigurations name=outofbandmanagement.action.timeout)" '.listconfigurationsresponse.configuration[0]|[.value,.defaultvalue,.isdynamic]' '["60","60",true]'
check_jq "set one" "$(admin updateConfiguration name=outofbandmanagement.sync.poolsize value=7)" .updateconfigurationresponse.configuration.value 7
check "out of bounds" "$(status_of "$inner?command=updateConfiguration&name=outofbandmanagement.sync.poolsize&value=0")" 431
check "no such setting" "$(status_of "$inner?command=updateConfiguration&name=x&value=1")" 431
oobm wrong >/dev/null

check "bad action" "$(status_of "$inner?command=issueOutOfBandManagementPowerAction&hostid=$host&action=EXPLODE")" 431
check_jq "HA before configure" "$(admin enableHAForHost "hostid=$host")" .enablehaforhostresponse.errorcode 431
job=$(admin configureHAForHost "hostid=$host" provider=KVMHAProvider | jq -r .configurehaforhostresponse.jobid)
check_jq "HA configured" "$(wait_job "$job")" .queryasyncjobresultresponse.jobresult.hostha.haprovider kvmhaprovider
job=$(admin enableHAForHost "hostid=$host" | jq -r .enablehaforhostresponse.jobid)
check_jq "HA enabled" "$(wait_job "$job")" .queryasyncjobresultresponse.jobresult.hostha.haenable true
check_jq "HA listed" "$(admin listHostHAResources "hostid=$host")" '.listhostharesourcesresponse.hostha[0].haenable' true
check_jq "providers" "$(admin listHostHAProviders hypervisor=KVM)" .listhosthaprovidersresponse.haprovider[0].haprovider KVMHAProvider
check_jq "explained" "$(admin explainHostHa "hostid=$host")" '.explainhostharesponse.haexplanation|[.hostname,.haenable,(.waitingfor|type)]' '["h1",true,"array"]'
check_jq "evidence" "$(admin listHaEvidence "hostid=$host" last=5)" '.listhaevidenceresponse|(.haevidence//[])|length<=5' true
fresh=$(admin addHost hypervisor=KVM "zoneid=$zone" "podid=$pod" "clusterid=$cluster" url=kvm://h9 | jq -r '.addhostresponse.host[0].id')
check_jq "not watched long enough" "$(admin confirmHostDead "id=$fresh" reason="I think so")" '.confirmhostdeadresponse|[.errorcode,.cserrorcode]' '[536,4375]'
check_jq "its end" "$(admin deleteHost "id=$fresh")" .deletehostresponse.success true
for _ in $(seq 1 100); do
  answer=$(admin confirmHostDead "id=$host" reason="it burnt")
  [ "$(printf '%s' "$answer" | jq -r .confirmhostdeadresponse.errorcode)" = 536 ] || break
  sleep 0.2
done
check_jq "confirm dead" "$answer" .confirmhostdeadresponse.success true

# ---- storage, templates, VMs ----
check "bad pool url" "$(status_of "$inner?command=createStoragePool&name=x&url=iscsi://a/b&zoneid=$zone&clusterid=$cluster")" 431
pool=$(admin createStoragePool name=pool1 url=SharedMountPoint://localhost/srv/pool "zoneid=$zone" "clusterid=$cluster" | jq -r .createstoragepoolresponse.storagepool.id)
check_jq "pool" "$(admin listStoragePools)" '.liststoragepoolsresponse.storagepool[0]|[.type,.path,.scope]' '["SharedMountPoint","/srv/pool","CLUSTER"]'
template=$(admin registerTemplate name=nano url=file:///srv/pool/templates/nano.img format=RAW hypervisor=KVM | jq -r '.registertemplateresponse.template[0].id')
check "templatefilter" "$(status_of "$inner?command=listTemplates")" 431
check_jq "template" "$(admin listTemplates templatefilter=all)" '.listtemplatesresponse.template[0].format' RAW
offering=$(admin createServiceOffering name=ha cpunumber=1 cpuspeed=500 memory=64 offerha=true | jq -r .createserviceofferingresponse.serviceoffering.id)
answer=$(admin deployVirtualMachine name=web1 "zoneid=$zone" "serviceofferingid=$offering" "templateid=$template")
vm=$(printf '%s' "$answer" | jq -r .deployvirtualmachineresponse.id)
check_jq "deploy answers job and id" "$answer" '.deployvirtualmachineresponse|[(.jobid|length),(.id|length)]' '[36,36]'
check_jq "VM row" "$(admin listVirtualMachines)" '.listvirtualmachinesresponse.virtualmachine[0]|[.name,.haenable,.cpunumber,.memory,.templatename,.nic]' '["web1",true,1,64,"nano",[]]'
job=$(printf '%s' "$answer" | jq -r .deployvirtualmachineresponse.jobid)
check_jq "no host can take it" "$(wait_job "$job")" '.queryasyncjobresultresponse|[.jobstatus,.jobinstancetype,.jobresultcode,.jobresult.errorcode]' '[2,"VirtualMachine",533,533]'
check "VM holds its pool" "$(status_of "$inner?command=deleteStoragePool&id=$pool")" 536
check_jq "update" "$(admin updateVirtualMachine "id=$vm" displayname=Web)" .updatevirtualmachineresponse.virtualmachine.displayname Web
check_jq "failed jobs, newest first" "$(admin listAsyncJobs jobstatus=2)" '.listasyncjobsresponse.asyncjobs|map(.cmd)' '["deployVirtualMachine","issueOutOfBandManagementPowerAction"]'
job=$(admin destroyVirtualMachine "id=$vm" expunge=true | jq -r .destroyvirtualmachineresponse.jobid)
check "destroy is a job" "${#job}" 36

# ---- events ----
check_jq "events, newest first" "$(admin listEvents type=ZONE.CREATE)" '.listeventsresponse.event[0]|[.type,.level,.username]' '["ZONE.CREATE","INFO","admin"]'
last=$(admin listEvents page=1 pagesize=1 | jq .listeventsresponse.event[0].sequence)
admin listEvents "afterid=$last" wait=20 >"$work/followed" &
follower=$!
sleep 0.3
admin createZone name=z2 networktype=Basic >/dev/null
wait "$follower"
check_jq "followed" "$(cat "$work/followed")" '.listeventsresponse.event[0].type' ZONE.CREATE
last=$(admin listEvents page=1 pagesize=1 | jq .listeventsresponse.event[0].sequence)
check_jq "nothing came" "$(admin listEvents "afterid=$last" wait=1)" .listeventsresponse '{}'

# ---- discovery ----
check_jq "listApis" "$(admin listApis)" '.listapisresponse|[.count>=60,([.api[]|select(.name=="deployVirtualMachine")|.isasync]|.[0])]' '[true,true]'
check_jq "listApis name" "$(admin listApis name=listHosts)" '.listapisresponse.api|map(.name)' '["listHosts"]'
for command in listCapabilities listHypervisors listManagementServers listCapacity listUsers listAccounts listPods listClusters listEventTypes; do
  check "$command" "$(status_of "$inner?command=$command")" 200
done
check_jq "no secrets in listUsers" "$(admin listUsers)" '.listusersresponse.user[0]|[.username,.secretkey]' '["admin",null]'
finish
