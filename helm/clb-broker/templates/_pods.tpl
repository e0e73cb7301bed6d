{{- /* What all pods have in common. No pod of this chart speaks to Kubernetes. */ -}}
{{- define "clb-broker.podBasis" -}}
{{- $context := index . 0 -}}
{{- $values := index . 1 -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $context.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "clb-broker.spread" -}}
{{- $context := index . 0 -}}
{{- $component := index . 1 -}}
{{- with index . 2 }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ .maxSkew }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "clb-broker.selector" (list $context $component) | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "clb-broker.containerBasis" -}}
image: {{ include "clb-broker.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
{{- end -}}

{{- define "clb-broker.databaseVariable" -}}
- name: CLB_BROKER_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.secretName }}
      key: {{ .Values.database.secretKey }}
{{- end -}}

{{- /* The same for API and workers: some of them have to agree. */ -}}
{{- define "clb-broker.settingsVariables" -}}
{{- $settings := .Values.settings -}}
- name: CLB_BROKER_CALLS_PER_SECOND
  value: {{ $settings.callsPerSecond | quote }}
- name: CLB_BROKER_DRAIN_SECONDS
  value: {{ $settings.drainSeconds | quote }}
- name: CLB_BROKER_LEASE_SECONDS
  value: {{ $settings.leaseSeconds | quote }}
- name: CLB_BROKER_SWEEP_SECONDS
  value: {{ $settings.sweepSeconds | quote }}
- name: CLB_BROKER_TOPOLOGY_SECONDS
  value: {{ $settings.topologySeconds | quote }}
- name: CLB_BROKER_CLOUD_TIMEOUT_SECONDS
  value: {{ $settings.cloudTimeoutSeconds | quote }}
- name: CLB_BROKER_REVERIFY_SECONDS
  value: {{ $settings.reverifySeconds | quote }}
- name: CLB_BROKER_HEALTH_SECONDS
  value: {{ $settings.healthSeconds | quote }}
- name: CLB_BROKER_SILENT_SECONDS
  value: {{ $settings.silentSeconds | quote }}
- name: CLB_BROKER_KEYS_SECONDS
  value: {{ $settings.keysSeconds | quote }}
{{- end -}}

{{- /* Mounts and volumes of every pod: a place for temporary files, the only one that may be written. */ -}}
{{- define "clb-broker.commonMounts" -}}
- name: temporary
  mountPath: /tmp
{{- if .Values.database.caSecretName }}
- name: database-authority
  mountPath: /etc/clb-broker/database
  readOnly: true
{{- end }}
{{- end -}}

{{- define "clb-broker.commonVolumes" -}}
- name: temporary
  emptyDir:
    sizeLimit: 64Mi
{{- if .Values.database.caSecretName }}
- name: database-authority
  secret:
    secretName: {{ .Values.database.caSecretName }}
    defaultMode: 0440
    items:
      - key: {{ .Values.database.caSecretKey }}
        path: ca.crt
{{- end }}
{{- end -}}

{{- /* Whom people are known by: API and workers have to know the same. */ -}}
{{- define "clb-broker.peopleVariable" -}}
{{- if .Values.identity.peopleConfigMapName }}
- name: CLB_BROKER_PEOPLE_FILE
  value: /etc/clb-broker/people/people.yaml
{{- end }}
{{- end -}}

{{- define "clb-broker.peopleMount" -}}
{{- if .Values.identity.peopleConfigMapName }}
- name: people
  mountPath: /etc/clb-broker/people
  readOnly: true
{{- end }}
{{- end -}}

{{- define "clb-broker.peopleVolume" -}}
{{- with .Values.identity }}
{{- if .peopleConfigMapName }}
- name: people
  configMap:
    name: {{ .peopleConfigMapName }}
    items:
      - key: {{ .peopleKey }}
        path: people.yaml
{{- end }}
{{- end }}
{{- end -}}
