{{/* What everything of a release is called: the release, with the chart's name if that is not in it. */}}
{{- define "llm-inference-api.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* By which its pods are found; these never change. */}}
{{- define "llm-inference-api.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "llm-inference-api.labels" -}}
{{ include "llm-inference-api.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "llm-inference-api.scheme" -}}
{{ ternary "https" "http" (ne .Values.tlsSecret "") }}
{{- end }}
