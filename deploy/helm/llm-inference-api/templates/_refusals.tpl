{{/* What no schema can refuse, because it is about several values at once. */}}
{{- define "llm-inference-api.refusals" -}}
{{- $api := .Values.settings.api | default dict -}}
{{- $environment := .Values.environment | default dict -}}
{{- /* What the server reads as true. */ -}}
{{- $true := list "true" "1" "yes" "on" -}}

{{- $tls := ($api.tls | default dict).enabled | toString | trim | lower -}}
{{- if and (has $tls $true) (not .Values.tlsSecret) -}}
{{- fail "settings.api.tls.enabled is true, but the probes would ask over HTTP: set tlsSecret to the name of a Secret with the certificate, which is all that HTTPS needs" -}}
{{- end -}}

{{- $host := $api.host | default "" | toString | trimPrefix "[" | trimSuffix "]" | lower -}}
{{- if or (hasPrefix "127." $host) (has $host (list "localhost" "::1")) -}}
{{- fail (printf "settings.api.host is %v, where neither the probes nor the Service reach the server: leave it out" $api.host) -}}
{{- end -}}

{{- $key := $environment.LLM_METRICS_NEED_KEY | default $api.metrics_need_key | toString | trim | lower -}}
{{- if and .Values.serviceMonitor.enabled (has $key $true) (not .Values.serviceMonitor.secretKey) -}}
{{- fail "metrics need a key (settings.api.metrics_need_key or LLM_METRICS_NEED_KEY), and Prometheus would have none: set serviceMonitor.secretKey to the key of the Secret that holds one of the role admin, as API_KEY" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.serviceMonitor.secretKey (not .Values.secret) -}}
{{- fail (printf "serviceMonitor.secretKey is %s, but secret names no Secret that it could be in" .Values.serviceMonitor.secretKey) -}}
{{- end -}}
{{- end -}}
