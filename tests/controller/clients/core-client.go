// SPDX-License-Identifier: LGPL-2.1-or-later

// What core-client-go can be asked of the daemon at the address given: each call once at least, and what it
// makes of the errors. Says what is wrong on stderr.
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	coreclient "github.com/datarhei/core-client-go/v16"
	"github.com/datarhei/core-client-go/v16/api"
)

var failed = false

func check(what string, ok bool, got ...interface{}) {
	if !ok {
		failed = true
		fmt.Fprintln(os.Stderr, "wrong:", what, got)
	}
}

func works(what string, err error) {
	check(what, err == nil, err)
}

func fails(what string, err error, code int, message string) {
	var e api.Error
	check(what, errors.As(err, &e) && e.Code == code && e.Message == message && e.Details != nil, err)
}

func config(id string) api.ProcessConfig {
	return api.ProcessConfig{
		ID: id, Type: "ffmpeg", Reference: "ref",
		Input:     []api.ProcessConfigIO{{ID: "in", Address: "testsrc=size=64x64:rate=25", Options: []string{"-re", "-f", "lavfi"}}},
		Output:    []api.ProcessConfigIO{{ID: "out", Address: "-", Options: []string{"-f", "null"}}},
		Reconnect: true, ReconnectDelay: 1, Autostart: true, StaleTimeout: 30,
	}
}

func main() {
	c, err := coreclient.New(coreclient.Config{Address: os.Args[1], Username: os.Getenv("CORE_CLIENT_USER"), Password: os.Getenv("CORE_CLIENT_PASSWORD")})
	if err != nil {
		fmt.Fprintln(os.Stderr, "wrong: New:", err)
		os.Exit(1)
	}
	about := c.About()
	check("About", about.App == "datarhei-core" && c.ID() != "" && strings.HasPrefix(about.Version.Number, "16."), about)

	const id = "a/b ä:1"
	works("ProcessAdd", c.ProcessAdd(config(id)))
	fails("ProcessAdd twice", c.ProcessAdd(config(id)), 400, "Invalid process config")
	fails("ProcessAdd of nothing", c.ProcessAdd(api.ProcessConfig{}), 400, "Invalid JSON")

	read, err := c.ProcessConfig(id)
	works("ProcessConfig", err)
	check("ProcessConfig", read.Options != nil, read)
	read.Options = nil
	check("ProcessConfig", reflect.DeepEqual(read, config(id)), read)

	var state api.ProcessState
	for i := 0; i < 300 && (err != nil || state.Progress == nil || state.Progress.Frame == 0); i++ {
		time.Sleep(100 * time.Millisecond)
		state, err = c.ProcessState(id)
	}
	works("ProcessState", err)
	check("ProcessState", state.State == "running" && state.Order == "start" && len(state.Command) == 8 && state.Memory > 0, state)

	process, err := c.Process(id, nil)
	works("Process", err)
	check("Process", process.ID == id && process.Reference == "ref" && process.Config != nil && process.State != nil && process.Report != nil && process.Metadata == nil, process)
	process, err = c.Process(id, []string{"config"})
	works("Process, filtered", err)
	check("Process, filtered", process.Config != nil && process.State == nil && process.Report == nil, process)

	list, err := c.ProcessList(coreclient.ProcessListOptions{})
	works("ProcessList", err)
	check("ProcessList", len(list) == 1 && list[0].ID == id, list)
	list, err = c.ProcessList(coreclient.ProcessListOptions{ID: []string{"x", id}, IDPattern: "a*{1,2}", RefPattern: "r?f", Filter: []string{"state"}})
	works("ProcessList, selected", err)
	check("ProcessList, selected", len(list) == 1 && list[0].State != nil && list[0].Config == nil, list)
	list, err = c.ProcessList(coreclient.ProcessListOptions{IDPattern: "b*"})
	works("ProcessList, none", err)
	check("ProcessList, none", list != nil && len(list) == 0, list)

	report, err := c.ProcessReport(id)
	works("ProcessReport", err)
	check("ProcessReport", len(report.Prelude) > 0 && len(report.Log) > 0 && report.History != nil, report)

	probe, err := c.ProcessProbe(id)
	works("ProcessProbe", err)
	check("ProcessProbe", len(probe.Streams) == 1 && probe.Streams[0].Type == "video" && probe.Streams[0].Width == 64, probe)
	probe, err = c.ProcessProbe("nobody")
	works("ProcessProbe of nobody", err)
	check("ProcessProbe of nobody", probe.Streams != nil && len(probe.Log) == 1, probe)

	changed := config(id)
	changed.Reference = "other"
	works("ProcessUpdate", c.ProcessUpdate(id, changed))
	read, err = c.ProcessConfig(id)
	check("ProcessUpdate", err == nil && read.Reference == "other", read)
	fails("ProcessUpdate of nobody", c.ProcessUpdate("nobody", changed), 404, "Process not found")

	for _, command := range []string{"restart", "reload", "stop", "start"} {
		works("ProcessCommand "+command, c.ProcessCommand(id, command))
	}
	fails("ProcessCommand", c.ProcessCommand(id, "dance"), 400, "Unknown command provided")
	fails("ProcessCommand of nobody", c.ProcessCommand("nobody", "stop"), 400, "Command failed")

	value := map[string]interface{}{"a": []interface{}{1.5, nil, "<&>"}}
	works("ProcessMetadataSet", c.ProcessMetadataSet(id, "k/ü", value))
	metadata, err := c.ProcessMetadata(id, "k/ü")
	works("ProcessMetadata", err)
	check("ProcessMetadata", reflect.DeepEqual(metadata, api.Metadata(value)), metadata)
	_, err = c.ProcessMetadata(id, "")
	works("ProcessMetadata, all", err)
	_, err = c.ProcessMetadata(id, "none")
	fails("ProcessMetadata, none", err, 404, "Unknown process ID")
	works("MetadataSet", c.MetadataSet("k", value))
	metadata, err = c.Metadata("k")
	works("Metadata", err)
	check("Metadata", reflect.DeepEqual(metadata, api.Metadata(value)), metadata)
	_, err = c.Metadata("none")
	fails("Metadata, none", err, 404, "Metadata not found")

	skills, err := c.Skills()
	works("Skills", err)
	check("Skills", len(skills.Codecs.Video) > 0 && len(skills.Filters) > 0 && skills.FFmpeg.Version != "")
	works("SkillsReload", c.SkillsReload())
	log, err := c.Log()
	works("Log", err)
	check("Log", len(log) > 0 && log[0]["message"] != nil, log)

	works("ProcessDelete", c.ProcessDelete(id))
	_, err = c.Process(id, nil)
	fails("ProcessDelete", err, 404, "Unknown process ID")
	_, err = c.ProcessState(id)
	fails("ProcessState of nobody", err, 404, "Unknown process ID")
	if failed {
		os.Exit(1)
	}
}
