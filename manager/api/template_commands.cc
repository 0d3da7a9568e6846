#include "manager/api/template_commands.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/urls.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

// zoneid of templates: "-1" or nothing means all zones.
ApiResult<const Zone*> zone_or_all(Call& call) {
  const std::string text = call.params().text("zoneid");
  if (text.empty() || text == "-1") return static_cast<const Zone*>(nullptr);
  return find_named(call, call.inventory().zones(), "zoneid");
}

bool known_filter(std::string_view filter) {
  for (const std::string_view known : {"featured", "self", "selfexecutable", "sharedexecutable",
                                       "executable", "community", "all", "shared"}) {
    if (iequals(filter, known)) return true;
  }
  return false;
}

ApiResult<Value> list_templates(Call& call) {
  const Params& params = call.params();
  if (!known_filter(params.text("templatefilter"))) {
    return refuse(params.wrong("templatefilter",
                               "one of featured, self, selfexecutable, sharedexecutable, "
                               "executable, community, all"));
  }
  const bool featured = iequals(params.text("templatefilter"), "featured");
  const auto checked = check_ids(call, call.inventory().templates());
  if (!checked) return refuse(checked.error());
  MOLD_API_TRY(const Zone* zone, zone_or_all(call));
  const std::vector<std::string> ids = params.list("ids");
  return paged_list(
      call, call.inventory().templates().all(),
      [&](const auto& entry) {
        const Template& tmpl = entry.second;
        if (!is_live(tmpl) || (featured && !tmpl.is_featured)) return false;
        if (params.has("id") && tmpl.uuid != params.text("id")) return false;
        if (!ids.empty() && std::find(ids.begin(), ids.end(), tmpl.uuid) == ids.end()) return false;
        if (params.has("name") && tmpl.name != params.text("name")) return false;
        if (params.has("hypervisor") && !iequals(tmpl.hypervisor, params.text("hypervisor"))) {
          return false;
        }
        if (zone != nullptr && tmpl.zone && tmpl.zone != zone->id) return false;
        return keyword_matches(params, tmpl.name);
      },
      [&call](const auto& entry) { return template_view(call.services(), entry.second); });
}

ApiResult<Template> read_new_template(Call& call) {
  const Params& params = call.params();
  Template tmpl;
  MOLD_API_TRY(const Zone* zone, zone_or_all(call));
  if (zone != nullptr) tmpl.zone = zone->id;
  if (!iequals(params.text("hypervisor"), "KVM")) {
    return refuse(params.wrong("hypervisor", "only KVM is supported"));
  }
  if (iequals(params.text("format"), "QCOW2")) {
    tmpl.format = "QCOW2";
  } else if (!iequals(params.text("format"), "RAW")) {
    return refuse(params.wrong("format", "RAW or QCOW2"));
  }
  std::optional<std::string> path = path_of_file_url(params.text("url"));
  if (!path) path = snapshot_of_url(params.text("url"));
  if (!path) {
    return refuse(params.wrong(
        "url",
        "write file:///absolute/path, a file below a storage pool that every host has, or "
        "rbd:POOL/IMAGE@SNAPSHOT"));
  }
  if (path->starts_with("rbd:") && tmpl.format != "RAW") {
    return refuse(params.wrong("format", "a snapshot of a Ceph pool is RAW"));
  }
  tmpl.name = params.text("name");
  tmpl.display_text = params.text("displaytext");
  tmpl.url = params.text("url");
  tmpl.path = *path;
  tmpl.checksum = params.text("checksum");
  tmpl.is_public = params.flag("ispublic", true);
  tmpl.is_featured = params.flag("isfeatured", false);
  tmpl.requires_hvm = params.flag("requireshvm", true);
  tmpl.account = call.caller().account;
  return tmpl;
}

ApiResult<Value> register_template(Call& call) {
  MOLD_API_TRY(Template wanted, read_new_template(call));
  const Result<Template> tmpl = call.inventory().create(std::move(wanted));
  if (!tmpl) return refuse(from_error(tmpl.error()));
  call.about("Template", tmpl->uuid, "Successfully registered template " + tmpl->name);
  Array one;
  one.emplace_back(template_view(call.services(), *tmpl));
  return list_body("template", std::move(one), 1);
}

ApiResult<BegunJob> delete_template(Call& call) {
  MOLD_API_TRY(const Template* tmpl, find_named(call, call.inventory().templates(), "id"));
  call.about("Template", tmpl->uuid, "Deleting template " + tmpl->name);
  const TemplateId id = tmpl->id;
  if (const Status done = call.inventory().remove(id); !done) {
    return refuse(from_error(done.error()));
  }
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  end_job(call, job.id, success_body());
  return BegunJob{job.uuid, {}};
}

}  // namespace

void add_template_commands(CommandTable& table) {
  table.add({"listTemplates",
             "Lists templates",
             "template",
             kTemplateFields,
             {{"templatefilter", ParamType::kText, kRequired, "featured, self, executable, all"},
              {"id", ParamType::kUuid, kOptional, "the ID of the template"},
              {"ids", ParamType::kUuidList, kOptional, "the IDs of the templates"},
              {"name", ParamType::kText, kOptional, "the name of the template"},
              {"zoneid", ParamType::kText, kOptional, "only templates of this zone"},
              {"hypervisor", ParamType::kText, kOptional, "only templates of this hypervisor"}},
             list_templates,
             {},
             true});
  table.add({"registerTemplate",
             "Registers an image that every host sees",
             "template",
             kTemplateFields,
             {{"name", ParamType::kText, kRequired, "the name of the template"},
              {"url", ParamType::kText, kRequired,
               "file:///path/of/the/image or rbd:POOL/IMAGE@SNAPSHOT", 1200},
              {"format", ParamType::kText, kRequired, "RAW or QCOW2"},
              {"hypervisor", ParamType::kText, kRequired, "KVM"},
              {"displaytext", ParamType::kText, kOptional, "a text for people"},
              {"zoneid", ParamType::kText, kOptional, "the zone; -1 or nothing: all"},
              {"checksum", ParamType::kText, kOptional, "kept, not checked"},
              {"ostypeid", ParamType::kText, kOptional, "accepted"},
              {"ispublic", ParamType::kBool, kOptional, "true unless told otherwise"},
              {"isfeatured", ParamType::kBool, kOptional, "shown as featured"},
              {"requireshvm", ParamType::kBool, kOptional, "true unless told otherwise"}},
             Change{register_template},
             "TEMPLATE.CREATE"});
  table.add({"deleteTemplate",
             "Forgets a template; the image and its VMs stay",
             "success",
             "success:boolean",
             {{"id", ParamType::kUuid, kRequired, "the ID of the template"},
              {"zoneid", ParamType::kText, kOptional, "accepted"},
              {"forced", ParamType::kBool, kOptional, "accepted"}},
             delete_template,
             "TEMPLATE.DELETE"});
}

}  // namespace mold::manager::api
