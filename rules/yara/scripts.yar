// Scripts that fetch and start programs, in whatever a click runs them.
// A text that only tells of such commands is not meant: see the private rule.

// Something a click opens: not the mail as it came, not its body, not a text that is only read.
private rule file_of_its_own {
    condition:
        part_kind != "message"
        and (filename != "" or (part_kind != "text" and part_kind != "html" and part_kind != "calendar"))
        and not extension matches /^\.(txt|log|md|csv|eml|patch|diff|c|h)$/
}

rule script_downloads_and_runs {
    meta:
        author = "sluss"
        description = "A script that fetches a file, saves it and runs it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $shell = "WScript.Shell" nocase
        $http1 = "MSXML2.XMLHTTP" nocase
        $http2 = "MSXML2.ServerXMLHTTP" nocase
        $http3 = "Microsoft.XMLHTTP" nocase
        $http4 = "WinHttp.WinHttpRequest" nocase
        $stream = "ADODB.Stream" nocase
        $save = "SaveToFile" nocase
    condition:
        file_of_its_own and filesize < 2MB and $shell and any of ($http*) and $stream and $save
}

rule script_starts_powershell {
    meta:
        author = "sluss"
        description = "A script that starts PowerShell hidden, encoded or to download"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $shell = "WScript.Shell" nocase
        $power = "powershell" nocase
        $how1 = "-EncodedCommand" nocase
        $how2 = "-WindowStyle hidden" nocase
        $how3 = "-w hidden" nocase
        $how4 = "DownloadString(" nocase
        $how5 = "DownloadFile(" nocase
        $how6 = "FromBase64String(" nocase
        $how7 = "Invoke-WebRequest" nocase
    condition:
        file_of_its_own and filesize < 2MB and $shell and $power and any of ($how*)
}

rule powershell_download_string {
    meta:
        author = "sluss"
        description = "PowerShell that runs what it downloads"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $a = /(iex|invoke-expression)[^\r\n]{1,120}(DownloadString|DownloadData|Invoke-WebRequest|Invoke-RestMethod)/ nocase ascii wide
        $b = /(DownloadString|DownloadData|Invoke-WebRequest|Invoke-RestMethod)[^\r\n]{1,200}\|\s?(iex|invoke-expression)/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 2MB and any of them
}

rule powershell_hidden_encoded {
    meta:
        author = "sluss"
        description = "PowerShell with a hidden window and an encoded command"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1027/010/"
    strings:
        $encoded = /powershell(\.exe)?["']?\s[^\r\n]{0,160}-e(c|nc|ncodedcommand)?\s{1,4}["']?[A-Za-z0-9+\/]{40}/ nocase ascii wide
        $hidden1 = "-w hid" nocase ascii wide
        $hidden2 = "-win hid" nocase ascii wide
        $hidden3 = "-windowstyle hid" nocase ascii wide
        $hidden4 = "-w 1 " nocase ascii wide
        $quiet1 = "-nop" nocase ascii wide
        $quiet2 = "-noni" nocase ascii wide
    condition:
        file_of_its_own and filesize < 4MB and $encoded and any of ($hidden*, $quiet*)
}

rule mshta_remote {
    meta:
        author = "sluss"
        description = "mshta given an address or a script to run"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1218/005/"
    strings:
        $a = /mshta(\.exe)?["']?\s{1,8}["']?(https?:\/\/|javascript:|vbscript:|\\\\\\\\)/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule certutil_fetches {
    meta:
        author = "sluss"
        description = "certutil used to download"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1105/"
    strings:
        $a = /certutil(\.exe)?["']?\s[^\r\n]{0,80}[-\/]urlcache[^\r\n]{0,120}https?:\/\// nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule certutil_decodes {
    meta:
        author = "sluss"
        description = "certutil used to unpack a program from text"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1140/"
    strings:
        $a = /certutil(\.exe)?["']?\s[^\r\n]{0,40}[-\/]decode(hex)?\s[^\r\n]{1,160}\.(exe|dll|scr|js|vbs|hta|bat|cmd|cab|zip)\b/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule bitsadmin_fetches {
    meta:
        author = "sluss"
        description = "bitsadmin used to download"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1197/"
    strings:
        $a = /bitsadmin(\.exe)?["']?\s[^\r\n]{0,40}\/(transfer|addfile)\s[^\r\n]{0,160}https?:\/\// nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule regsvr32_remote_scriptlet {
    meta:
        author = "sluss"
        description = "regsvr32 made to run a scriptlet"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1218/010/"
    strings:
        $a = /regsvr32(\.exe)?["']?\s[^\r\n]{0,120}\/i:["']?[^\r\n]{1,200}scrobj(\.dll)?/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule rundll32_script {
    meta:
        author = "sluss"
        description = "rundll32 made to run a script or a remote library"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1218/011/"
    strings:
        $a = /rundll32(\.exe)?["']?\s{1,8}["']?(javascript:|vbscript:|[^\r\n]{0,60}mshtml[^\r\n]{0,40}RunHTMLApplication)/ nocase ascii wide
        $b = /rundll32(\.exe)?["']?\s{1,8}["']?\\\\[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[\\@]/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and any of them
}

rule msiexec_remote {
    meta:
        author = "sluss"
        description = "msiexec quietly installing from an address"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1218/007/"
    strings:
        $a = /msiexec(\.exe)?["']?\s[^\r\n]{0,80}\/(i|package)\s{0,3}["']?https?:\/\// nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule curl_saves_and_starts {
    meta:
        author = "sluss"
        description = "A batch file that fetches a program and starts it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/003/"
    strings:
        $echo = "@echo off" nocase
        $get = /(curl|wget|Invoke-WebRequest|Start-BitsTransfer|DownloadFile)[^\r\n]{1,200}https?:\/\/[^\r\n]{1,200}(%temp%|%appdata%|%public%|%programdata%|\$env:temp|\$env:appdata)/ nocase
        $get2 = /(curl|wget)[^\r\n]{1,60}(%temp%|%appdata%|%public%|%programdata%)[^\r\n]{1,200}https?:\/\// nocase
    condition:
        file_of_its_own and filesize < 2MB and $echo and any of ($get*)
}

rule scriptlet_with_shell {
    meta:
        author = "sluss"
        description = "A Windows scriptlet that starts programs"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1218/010/"
    strings:
        $a = "<scriptlet" nocase
        $b = "<registration" nocase
        $run1 = "WScript.Shell" nocase
        $run2 = "Shell.Application" nocase
        $run3 = "Win32_Process" nocase
    condition:
        file_of_its_own and filesize < 2MB and $a and $b and any of ($run*)
}

rule hta_runs_programs {
    meta:
        author = "sluss"
        description = "An HTML application that starts programs"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1218/005/"
    strings:
        $hta = "<hta:application" nocase
        $run1 = "WScript.Shell" nocase
        $run2 = "Shell.Application" nocase
        $run3 = "powershell" nocase
        $run4 = "Win32_Process" nocase
        $run5 = "ADODB.Stream" nocase
    condition:
        file_of_its_own and filesize < 4MB and $hta and any of ($run*)
}

rule hta_file {
    meta:
        author = "sluss"
        description = "An HTML application: a page that may do everything a program may"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1218/005/"
    strings:
        $hta = "<hta:application" nocase
    condition:
        file_of_its_own and filesize < 4MB and $hta
}

rule wsf_with_shell {
    meta:
        author = "sluss"
        description = "A Windows Script File that starts programs"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $job = /<(job|package)[ >]/ nocase
        $script = /<script\s{1,4}language\s{0,2}=/ nocase
        $run = "WScript.Shell" nocase
    condition:
        file_of_its_own and filesize < 2MB and $job in (0..2048) and $script and $run
}

rule script_encoded {
    meta:
        author = "sluss"
        description = "A JScript or VBScript encoded so that nobody can read it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = /#@~\^[A-Za-z0-9+\/]{6}==/
    condition:
        file_of_its_own and filesize < 4MB and $a in (0..4096)
        and extension matches /^\.(jse?|vbe?|vbs|wsf|hta)$/
}

rule vbscript_from_numbers {
    meta:
        author = "sluss"
        description = "A VBScript that puts its commands together from character numbers"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/010/"
    strings:
        $chr1 = "&chr(" nocase
        $chr2 = "& chr(" nocase
        $chr3 = "&chrw(" nocase
        $chr4 = "& chrw(" nocase
        $do = /\b(execute|executeglobal|eval)[ (]/ nocase
    condition:
        file_of_its_own and filesize < 2MB and (#chr1 > 40 or #chr2 > 40 or #chr3 > 40 or #chr4 > 40) and $do
}

rule script_from_char_codes {
    meta:
        author = "sluss"
        description = "A script that puts a shell together from character codes"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/010/"
    strings:
        $a = "fromCharCode" nocase
        $w = "ActiveXObject"
        $s = "WScript"
        $e = /\beval\s?\(/
        $page = "document." nocase
    condition:
        file_of_its_own and filesize < 2MB and $a and $e and any of ($w, $s) and not $page
}

rule script_obfuscated_shell {
    meta:
        author = "sluss"
        description = "An obfuscated script that reaches for Windows"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1027/010/"
    strings:
        $name = /_0x(0|1|2|3|4|5|6|7|8|9|a|b|c|d|e|f)[0-9a-f]{3,5}/
        $w1 = "ActiveXObject"
        $w2 = "WScript"
    condition:
        file_of_its_own and filesize < 4MB and #name > 60 and any of ($w*)
}

rule script_persists {
    meta:
        author = "sluss"
        description = "A script that enters itself into the start of Windows"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1547/001/"
    strings:
        $shell = "WScript.Shell" nocase
        $write = "RegWrite" nocase
        $run = /\\CurrentVersion\\{1,2}Run\b/ nocase
    condition:
        file_of_its_own and filesize < 2MB and all of them
}

rule node_fetches_and_starts {
    meta:
        author = "sluss"
        description = "A Node.js script that fetches a file, writes it and starts it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/007/"
    strings:
        $child = /require\(['"](node:)?child_process['"]\)/
        $http = /require\(['"](node:)?(https?|axios|node-fetch|request)['"]\)/
        $write = /(writeFileSync|createWriteStream|writeFile)\(/
        $run = /\b(execSync|spawnSync|execFile|spawn|exec)\(/
        $temp = /(tmpdir\(\)|process\.env\.(TEMP|APPDATA|LOCALAPPDATA))/
    condition:
        file_of_its_own and filesize < 2MB and all of them
}

rule lua_launcher {
    meta:
        author = "sluss"
        description = "A batch file that starts a script engine on a file with a harmless name"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/011/"
    strings:
        $a = /start\s{1,4}("[^"\r\n]{0,40}"\s{1,4})?(\/min\s{1,4})?(luajit|lua[0-9.]{0,4}|wlua|compiler|autoit3?|autohotkey[u0-9]{0,5}|pythonw?)(\.exe)?\s{1,4}[^\s]{1,60}\.(txt|log|cfg|dat|png|jpg|css|conf)\b/ nocase
    condition:
        file_of_its_own and filesize < 1MB and $a
}

rule autoit_compiled {
    meta:
        author = "sluss"
        description = "A compiled AutoIt script"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/010/"
    strings:
        $a = { A3 48 4B BE 98 6C 4A A9 99 4C 53 0A 86 D6 48 7D 41 55 33 21 45 41 30 (35 | 36) }
    condition:
        filesize < 32MB and $a
}

rule pickle_runs_commands {
    meta:
        author = "sluss"
        description = "A Python pickle that runs commands when it is read"
        severity = "malware"
        reference = "https://docs.python.org/3/library/pickle.html"
    strings:
        $a = /c(os|nt|posix)\n(system|popen|execv)\n/
        $b = /c(__builtin__|builtins)\n(exec|eval|compile)\n/
        $c = /csubprocess\n(Popen|call|run|check_output)\n/
        $d = /\x8c\x05posix\x94?\x8c\x06system/
        $e = /\x8c\x02nt\x94?\x8c\x06system/
        $f = /\x8c\x08builtins\x94?\x8c\x04(exec|eval)/
    condition:
        filesize < 16MB and uint8(filesize - 1) == 0x2E and any of them
}

rule python_runs_encoded {
    meta:
        author = "sluss"
        description = "Python that runs code it has unpacked from text"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/006/"
    strings:
        $a = /exec\s?\(\s{0,4}(__import__\(['"][a-z0-9]{2,10}['"]\)\.|base64\.|zlib\.|marshal\.|codecs\.)(b64decode|b85decode|decompress|loads|decode)/
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule shell_connects_back {
    meta:
        author = "sluss"
        description = "A shell command that gives a remote host a shell"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
    strings:
        $a = /bash\s{1,3}-i\s{0,3}[0-9]?>&\s{0,3}\/dev\/(tcp|udp)\//
        $b = /\/dev\/tcp\/[^\s\/]{3,80}\/[0-9]{1,5}[^\r\n]{0,40}[0-9]>&1/
        $c = /\bnc(at)?\s[^\r\n]{0,60}-e\s{0,3}\/bin\/(ba)?sh/
    condition:
        file_of_its_own and filesize < 2MB and any of them
}

rule php_runs_encoded {
    meta:
        author = "sluss"
        description = "PHP that runs what a visitor sends or what it has unpacked"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $php = "<?php" nocase
        $a = /\b(eval|assert)\s{0,4}\(\s{0,4}(base64_decode|gzinflate|gzuncompress|str_rot13|strrev|\$_(POST|GET|REQUEST|COOKIE))/ nocase
    condition:
        file_of_its_own and filesize < 2MB and all of them
}

rule xsl_with_script {
    meta:
        author = "sluss"
        description = "A style sheet that runs a script"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1220/"
    strings:
        $xsl = "<xsl:stylesheet" nocase
        $xsl2 = "<stylesheet" nocase
        $script = /<(ms|msxsl|user):script/ nocase
        $run1 = "WScript.Shell" nocase
        $run2 = "ActiveXObject"
        $run3 = "System.Diagnostics" nocase
    condition:
        file_of_its_own and filesize < 2MB and any of ($xsl*) and $script and any of ($run*)
}

rule script_starts_process_by_wmi {
    meta:
        author = "sluss"
        description = "A script that starts a program through WMI"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1047/"
    strings:
        $a = "winmgmts:" nocase
        $b = "Win32_Process" nocase
        $c = /\.Create[ (]/ nocase
        $d = /(GetObject|CreateObject|ActiveXObject)\s{0,2}\(/ nocase
        $e = "Win32_ProcessStartup" nocase
        $f = /\bShowWindow\s{0,2}=/ nocase
    condition:
        file_of_its_own and filesize < 2MB and $a and $b and $c and $d and any of ($e, $f)
}

rule powershell_blinds_scanner {
    meta:
        author = "sluss"
        description = "PowerShell that switches off the scan of what it runs"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
    strings:
        $a = "amsiInitFailed" nocase ascii wide
        $b = "AmsiScanBuffer" nocase ascii wide
        $c = "System.Management.Automation.AmsiUtils" nocase ascii wide
        $d = "GetField(" nocase ascii wide
        $e = "VirtualProtect" nocase ascii wide
    condition:
        file_of_its_own and filesize < 4MB and uint16(0) != 0x5A4D and (($a and ($c or $d)) or ($b and $e))
}

rule powershell_loads_from_text {
    meta:
        author = "sluss"
        description = "PowerShell that loads a program from text into memory"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1620/"
    strings:
        $a = /Reflection\.Assembly\]?::\(?["']?Load["']?\)?/ nocase ascii wide
        $b = "FromBase64String" nocase ascii wide
        $c = "GzipStream" nocase ascii wide
        $d = "DeflateStream" nocase ascii wide
        $e = "DownloadData" nocase ascii wide
    condition:
        file_of_its_own and filesize < 16MB and uint16(0) != 0x5A4D and $a and any of ($b, $c, $d, $e)
}

rule powershell_runs_machine_code {
    meta:
        author = "sluss"
        description = "PowerShell that writes machine code into memory and runs it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1055/"
    strings:
        $a = "VirtualAlloc" nocase ascii wide
        $b = "GetDelegateForFunctionPointer" nocase ascii wide
        $c = "CreateThread" nocase ascii wide
        $d = "Runtime.InteropServices.Marshal]::Copy" nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and uint16(0) != 0x5A4D and $a and ($b or ($c and $d))
}

rule script_blinds_defender {
    meta:
        author = "sluss"
        description = "A script that makes exceptions in Windows Defender or stops it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
    strings:
        $a = /(Add|Set)-MpPreference\s[^\r\n]{0,80}-(ExclusionPath|ExclusionProcess|ExclusionExtension|DisableRealtimeMonitoring)/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule deletes_backups {
    meta:
        author = "sluss"
        description = "A program or script that deletes the backups of Windows"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1490/"
    strings:
        $a = /vssadmin(\.exe)?["']?\s{1,4}delete\s{1,4}shadows/ nocase ascii wide
        $b = /wbadmin(\.exe)?["']?\s{1,4}delete\s{1,4}(catalog|systemstatebackup)/ nocase ascii wide
        $c = /bcdedit(\.exe)?["']?\s[^\r\n]{0,60}recoveryenabled\s{1,4}no/ nocase ascii wide
        $d = /wmic(\.exe)?["']?\s{1,4}shadowcopy\s{1,4}delete/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 32MB and 2 of them
}

rule mac_asks_password {
    meta:
        author = "sluss"
        description = "A script for macOS that asks for the password in a window of its own"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1056/002/"
    strings:
        $a = "osascript"
        $b = "display dialog"
        $c = "with hidden answer"
    condition:
        file_of_its_own and filesize < 32MB and all of them
}

rule defender_exclusion_added {
    meta:
        author = "sluss"
        description = "A script that tells Defender not to look at a folder or a file type"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
    strings:
        $add = "Add-MpPreference" nocase ascii wide
        $what = /-Exclusion(Path|Extension|Process)/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 32MB and all of them
}

rule task_scheduled_from_script {
    meta:
        author = "sluss"
        description = "A script that has a script engine started again and again by the task scheduler"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1053/005/"
    strings:
        $task = /schtasks(\.exe)?["']?\s{1,4}\/create/ nocase ascii wide
        $engine = /(powershell|wscript|cscript|mshta|rundll32)/ nocase ascii wide
        $often = /\/sc\s{1,4}["']?(minute|onlogon|onidle|hourly)/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 32MB and all of them
}

rule credentials_of_browser_read {
    meta:
        author = "sluss"
        description = "A script that reads the saved passwords of a browser"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1555/003/"
    strings:
        $file1 = "\\Login Data" nocase ascii wide
        $file2 = "logins.json" nocase ascii wide
        $key1 = "CryptUnprotectData" ascii wide
        $key2 = "encrypted_key" ascii wide
        $key3 = "key4.db" ascii wide
    condition:
        file_of_its_own and filesize < 32MB and any of ($file*) and any of ($key*)
}

rule clipboard_wallet_swapped {
    meta:
        author = "sluss"
        description = "A script that looks for addresses of wallets in the clipboard and puts others there"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1115/"
    strings:
        $get = /Get-Clipboard|GetClipboardData|clipboard\.paste/ nocase ascii wide
        $set = /Set-Clipboard|SetClipboardData|clipboard\.copy/ nocase ascii wide
        $wallet = /\[13\]\[a-km-zA-HJ-NP-Z1-9\]|bc1\[|0x\[a-fA-F0-9\]\{40\}/ ascii wide
    condition:
        file_of_its_own and filesize < 32MB and all of them
}

rule webhook_exfiltrates {
    meta:
        author = "sluss"
        description = "A script that sends what it gathered to a chat's web hook"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1567/004/"
    strings:
        $hook = /https:\/\/(discord(app)?\.com\/api\/webhooks\/|hooks\.slack\.com\/services\/|api\.telegram\.org\/bot)/ nocase ascii wide
        $send = /Invoke-(RestMethod|WebRequest)|requests\.post|XMLHTTP|curl(\.exe)?\s/ nocase ascii wide
        $gather = /(Get-ComputerInfo|systeminfo|whoami|getpass\.getuser|\$env:(USERNAME|COMPUTERNAME)|ipconfig)/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 32MB and all of them
}

rule macro_runs_remote_document {
    meta:
        author = "sluss"
        description = "A macro that opens a document from elsewhere and runs a macro of that one"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1221/"
    strings:
        $open = /Documents\.(Open|Add)\s{0,4}\(?\s{0,4}"?https?:\/\// nocase ascii wide
        $run = "Application.Run" nocase ascii wide
    condition:
        file_of_its_own and filesize < 32MB and all of them
}
