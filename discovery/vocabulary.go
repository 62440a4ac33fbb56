package discovery

import "strings"

// The vocabulary of Home Assistant's MQTT discovery, as far as [Check] uses it.

// vocabulary is what is looked up often.
type vocabulary struct {
	abbreviations            map[string]string
	platforms, commonKeys    []string
	platformKeys             map[string][]string
	requiredKeys, classUnits map[string][]string
}

func newVocabulary() vocabulary {
	return vocabulary{
		abbreviations: abbreviations(), platforms: platforms(), commonKeys: commonKeys(), platformKeys: platformKeys(),
		requiredKeys: requiredKeys(), classUnits: classUnits(),
	}
}

// abbreviations are those of root, components and availability entries.
func abbreviations() map[string]string {
	return map[string]string{
		"atype": "automation_type", "av_tones": "available_tones", "avty": "availability",
		"avty_mode": "availability_mode", "avty_t": "availability_topic", "avty_tpl": "availability_template",
		"cdevs": "child_devices", "cmd_off_tpl": "command_off_template", "cmd_t": "command_topic",
		"cmd_tpl": "command_template", "cmps": "components", "cod_form": "code_format", "cont_type": "content_type",
		"def_ent_id": "default_entity_id", "dev": "device", "dev_cla": "device_class", "dsp_prc": "display_precision",
		"e": "encoding", "en": "enabled_by_default", "ent_cat": "entity_category", "ent_pic": "entity_picture",
		"evt_typ": "event_types", "exp_aft": "expire_after", "frc_upd": "force_update", "grp": "group", "ic": "icon",
		"img_e": "image_encoding", "img_t": "image_topic", "json_attr_t": "json_attributes_topic",
		"json_attr_tpl": "json_attributes_template", "l_ver_t": "latest_version_topic",
		"l_ver_tpl": "latest_version_template", "lrst_val_tpl": "last_reset_value_template",
		"migr_discvry": "migrate_discovery", "msg_exp_int": "message_expiry_interval", "o": "origin",
		"off_dly": "off_delay", "ops": "options", "opt": "optimistic", "p": "platform", "pl": "payload",
		"pl_avail": "payload_available", "pl_inst": "payload_install", "pl_lock": "payload_lock",
		"pl_not_avail": "payload_not_available", "pl_off": "payload_off", "pl_on": "payload_on",
		"pl_open": "payload_open", "pl_prs": "payload_press", "pl_rst": "payload_reset", "pl_unlk": "payload_unlock",
		"ptrn": "pattern", "rel_s": "release_summary", "rel_u": "release_url", "ret": "retain",
		"stat_cla": "state_class", "stat_jam": "state_jammed", "stat_locked": "state_locked",
		"stat_locking": "state_locking", "stat_off": "state_off", "stat_on": "state_on", "stat_open": "state_open",
		"stat_opening": "state_opening", "stat_t": "state_topic", "stat_unlocked": "state_unlocked",
		"stat_unlocking": "state_unlocking", "stat_val_tpl": "state_value_template", "stype": "subtype",
		"sug_dsp_prc": "suggested_display_precision", "sup_dur": "support_duration", "sup_vol": "support_volume_set",
		"t": "topic", "tit": "title", "uniq_id": "unique_id", "unit_of_meas": "unit_of_measurement",
		"url_t": "url_topic", "url_tpl": "url_template", "val_tpl": "value_template", "vis": "visible_by_default",
	}
}

func deviceAbbreviations() map[string]string {
	return map[string]string{
		"cns": "connections", "cu": "configuration_url", "hw": "hw_version", "ids": "identifiers", "mdl": "model",
		"mdl_id": "model_id", "mf": "manufacturer", "sa": "suggested_area", "sn": "serial_number", "sw": "sw_version",
	}
}

func originAbbreviations() map[string]string {
	return map[string]string{"sw": "sw_version", "url": "support_url"}
}

// sharedKeys are what components inherit from the root.
func sharedKeys() []string {
	return strings.Fields(`availability availability_mode availability_template availability_topic payload_available
		payload_not_available command_topic state_topic encoding qos`)
}

// rootKeys are what every version since 2024.11 takes at the root.
func rootKeys() []string {
	return append(sharedKeys(), "device", "origin", "components")
}

func deviceKeys() []string {
	return strings.Fields(`identifiers connections manufacturer model model_id name hw_version serial_number
		sw_version via_device suggested_area configuration_url`)
}

// platforms are those that a component can have.
func platforms() []string {
	return strings.Fields(`alarm_control_panel binary_sensor button camera climate cover date datetime device_automation
		device_tracker event fan humidifier image infrared lawn_mower light lock notify number scene select sensor siren
		switch tag text time update vacuum valve water_heater`)
}

// commonKeys are known to every entity.
func commonKeys() []string {
	return strings.Fields(`device origin platform name unique_id default_entity_id availability availability_mode availability_template
		availability_topic payload_available payload_not_available enabled_by_default visible_by_default entity_category
		entity_picture icon json_attributes_topic json_attributes_template message_expiry_interval qos encoding group`)
}

// platformKeys are what a platform knows besides. What isn't here isn't modelled.
func platformKeys() map[string][]string {
	return map[string][]string{
		"binary_sensor":     strings.Fields(`device_class expire_after force_update off_delay payload_off payload_on state_topic value_template`),
		"button":            strings.Fields(`command_template command_topic device_class payload_press retain`),
		"camera":            strings.Fields(`image_encoding topic`),
		"device_automation": strings.Fields(`automation_type payload subtype topic type value_template`),
		"event":             strings.Fields(`device_class event_types state_topic value_template`),
		"image":             strings.Fields(`content_type image_encoding image_topic url_template url_topic`),
		"lock": strings.Fields(`code_format command_template command_topic optimistic payload_lock payload_open payload_reset payload_unlock
			retain state_jammed state_locked state_locking state_open state_opening state_topic state_unlocked
			state_unlocking value_template`),
		"notify": strings.Fields(`command_template command_topic retain`),
		"number": strings.Fields(`command_template command_topic device_class max min mode optimistic payload_reset retain state_topic step
			unit_of_measurement value_template`),
		"select": strings.Fields(`command_template command_topic optimistic options retain state_topic value_template`),
		"sensor": strings.Fields(`device_class expire_after force_update last_reset_value_template options state_class state_topic
			suggested_display_precision unit_of_measurement value_template`),
		"siren": strings.Fields(`available_tones command_off_template command_template command_topic optimistic payload_off payload_on retain
			state_off state_on state_topic state_value_template support_duration support_volume_set`),
		"switch": strings.Fields(`command_template command_topic device_class optimistic payload_off payload_on retain state_off state_on
			state_topic value_template`),
		"tag":  strings.Fields(`topic value_template`),
		"text": strings.Fields(`command_template command_topic max min mode optimistic pattern retain state_topic value_template`),
		"update": strings.Fields(`command_topic device_class display_precision latest_version_template latest_version_topic payload_install
			release_summary release_url retain state_topic title value_template`),
	}
}

// requiredKeys are those without which a platform refuses an entity.
func requiredKeys() map[string][]string {
	state, command := []string{"state_topic"}, []string{"command_topic"}
	return map[string][]string{
		"binary_sensor": state, "sensor": state,
		"event":  {"state_topic", "event_types"},
		"button": command, "switch": command, "number": command, "text": command, "lock": command, "siren": command,
		"notify": command, "select": {"command_topic", "options"},
		"camera":            {"topic"},
		"tag":               {"topic"},
		"device_automation": {"automation_type", "topic", "type", "subtype"},
	}
}

func booleanKeys() []string {
	return strings.Fields(`enabled_by_default visible_by_default force_update optimistic retain support_duration support_volume_set`)
}

func countKeys() []string {
	return strings.Fields(`expire_after off_delay suggested_display_precision display_precision`)
}

// deviceClasses are those of a platform; ok is false where there are none, or
// none that are modelled.
func deviceClasses(platform string) (classes []string, ok bool) {
	switch platform {
	case "binary_sensor":
		return binarySensorClasses(), true
	case "sensor":
		return append(numericClasses(), "date", "enum", "timestamp", "uptime"), true
	case "number":
		return numericClasses(), true
	case "button":
		return []string{"identify", "restart", "update"}, true
	case "switch":
		return []string{"outlet", "switch"}, true
	case "event":
		return []string{"button", "doorbell", "motion"}, true
	case "update":
		return []string{"firmware"}, true
	}
	return nil, false
}

func binarySensorClasses() []string {
	return strings.Fields(`battery battery_charging carbon_monoxide cold connectivity door garage_door gas heat light
		lock moisture motion moving occupancy opening plug power presence problem running safety smoke sound tamper
		update vibration window`)
}

// numericClasses are those of sensors and numbers that measure something.
func numericClasses() []string {
	return strings.Fields(`absolute_humidity apparent_power aqi area atmospheric_pressure battery
		blood_glucose_concentration carbon_dioxide carbon_monoxide conductivity current data_rate data_size distance
		duration energy energy_distance energy_storage frequency gas humidity illuminance irradiance moisture monetary
		nitrogen_dioxide nitrogen_monoxide nitrous_oxide ozone ph pm1 pm10 pm25 pm4 power power_factor precipitation
		precipitation_intensity pressure reactive_energy reactive_power signal_strength sound_pressure speed
		sulphur_dioxide temperature temperature_delta volatile_organic_compounds volatile_organic_compounds_parts
		voltage volume volume_flow_rate volume_storage water weight wind_direction wind_speed`)
}

// classUnits are the units of the classes that a recorder, its disks, plugs and
// UPS can have. "" stands for none. Classes that aren't here aren't checked.
func classUnits() map[string][]string {
	bytes := strings.Fields(`bit kbit Mbit Gbit B kB MB GB TB PB EB ZB YB KiB MiB GiB TiB PiB EiB ZiB YiB`)
	return map[string][]string{
		"battery":         {"%"},
		"current":         {"A", "mA"},
		"data_rate":       strings.Fields(`bit/s kbit/s Mbit/s Gbit/s B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s`),
		"data_size":       bytes,
		"duration":        {"d", "h", "min", "s", "ms"},
		"energy":          strings.Fields(`J kJ MJ GJ mWh Wh kWh MWh GWh TWh cal kcal Mcal Gcal`),
		"frequency":       {"Hz", "kHz", "MHz", "GHz"},
		"humidity":        {"%"},
		"moisture":        {"%"},
		"power":           {"mW", "W", "kW", "MW", "GW", "TW"},
		"power_factor":    {"%", ""},
		"signal_strength": {"dB", "dBm"},
		"temperature":     {"°C", "°F", "K"},
		"voltage":         {"V", "mV", "µV", "μV", "kV", "MV"},
	}
}
