{{- define "clb-broker-agent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* At most 40 characters, so that every suffix still fits a DNS label. */ -}}
{{- define "clb-broker-agent.fullname" -}}
{{- $name := include "clb-broker-agent.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* For what has no namespace: two releases of one name do not meet. */ -}}
{{- define "clb-broker-agent.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "clb-broker-agent.fullname" .) -}}
{{- end -}}

{{- define "clb-broker-agent.leaseName" -}}
{{- default (include "clb-broker-agent.fullname" .) .Values.leaseName -}}
{{- end -}}

{{- define "clb-broker-agent.serviceAccountName" -}}
{{- with .Values.agent.serviceAccount -}}
{{- if .create -}}
{{- default (include "clb-broker-agent.fullname" $) .name -}}
{{- else -}}
{{- default "default" .name -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "clb-broker-agent.webhookName" -}}
{{- include "clb-broker-agent.fullname" . }}-webhook
{{- end -}}

{{- define "clb-broker-agent.webhookServiceAccountName" -}}
{{- with .Values.webhook.serviceAccount -}}
{{- if .create -}}
{{- default (include "clb-broker-agent.webhookName" $) .name -}}
{{- else -}}
{{- default "default" .name -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "clb-broker-agent.certificateSecretName" -}}
{{- default (printf "%s-certificate" (include "clb-broker-agent.webhookName" .)) .Values.webhook.certificate.secretName -}}
{{- end -}}

{{- define "clb-broker-agent.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* Of one component: list CONTEXT COMPONENT. What a selector holds never changes between versions. */ -}}
{{- define "clb-broker-agent.selector" -}}
{{- $context := index . 0 -}}
app.kubernetes.io/name: {{ include "clb-broker-agent.name" $context }}
app.kubernetes.io/instance: {{ $context.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "clb-broker-agent.labels" -}}
{{- $context := index . 0 -}}
{{ include "clb-broker-agent.selector" . }}
app.kubernetes.io/version: {{ $context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
app.kubernetes.io/part-of: clb-broker
helm.sh/chart: {{ printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with $context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
