{{- define "clb-broker.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* At most 40 characters, so that every suffix still fits a DNS label. */ -}}
{{- define "clb-broker.fullname" -}}
{{- $name := include "clb-broker.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "clb-broker.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "clb-broker.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "clb-broker.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* Of one component: list CONTEXT COMPONENT. What a selector holds never changes between versions. */ -}}
{{- define "clb-broker.selector" -}}
{{- $context := index . 0 -}}
app.kubernetes.io/name: {{ include "clb-broker.name" $context }}
app.kubernetes.io/instance: {{ $context.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "clb-broker.labels" -}}
{{- $context := index . 0 -}}
{{ include "clb-broker.selector" . }}
app.kubernetes.io/version: {{ $context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
app.kubernetes.io/part-of: clb-broker
helm.sh/chart: {{ printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with $context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Of one part of the worker: its container, and that container's port. Both tell the parts apart for Prometheus. */ -}}
{{- define "clb-broker.workerContainer" -}}
{{- if eq . "all" }}worker{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{- define "clb-broker.workerPort" -}}
{{- if eq . "all" }}metrics{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{- /* How long the broker may take until the cloud is as wanted, once faults have stopped: B of docs/operations.md. */ -}}
{{- define "clb-broker.bound" -}}
{{- add (int .Values.settings.leaseSeconds) (int .Values.settings.sweepSeconds) 30 -}}
{{- end -}}
