-- Where a module may be in the scripts folder: as its name says, dots standing for folders; or with
-- the dots in the file's name, where there can be no folders, as in a Kubernetes ConfigMap.
-- gw_sources_find() goes by the same rule.
return function(module)
  local base <const> = module:gsub("%.", "/")
  local paths <const> = { base .. ".lua", base .. "/init.lua" }
  local is_flat <const> = module:find(".", 1, true) and not module:find("/", 1, true)
  if is_flat then table.insert(paths, 1, module .. ".lua") end
  return paths
end
