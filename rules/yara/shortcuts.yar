// Small files of Windows that a click turns into a command or a log-in elsewhere.

rule lnk_powershell {
    meta:
        author = "sluss"
        description = "A shortcut that gives PowerShell commands"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = "powershell" nocase ascii wide
        $b = "pwsh.exe" nocase ascii wide
        $c1 = "-enc" nocase wide
        $c2 = "hidden" nocase wide
        $c3 = "http" nocase wide
        $c4 = "bypass" nocase wide
        $c5 = "-nop" nocase wide
        $c6 = "DownloadString" nocase wide
        $c7 = "FromBase64" nocase wide
        $c8 = "-comm" nocase wide
        $c9 = "-w 1 " nocase wide
    condition:
        uint32be(0) == 0x4C000000 and uint32be(4) == 0x01140200 and filesize < 8MB and any of ($a, $b) and any of ($c*)
}

rule lnk_script_host {
    meta:
        author = "sluss"
        description = "A shortcut that starts a script engine or a remote library"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a1 = "mshta" nocase wide
        $a2 = "wscript" nocase wide
        $a3 = "cscript" nocase wide
        $a4 = "regsvr32" nocase wide
        $a5 = "certutil" nocase wide
        $a6 = "bitsadmin" nocase wide
        $a7 = "forfiles" nocase wide
        $a8 = "conhost" nocase wide
        $b1 = "http" nocase wide
        $b2 = "script:" nocase wide
        $b3 = ".js" nocase wide
        $b4 = ".vbs" nocase wide
        $b5 = ".hta" nocase wide
        $b6 = "scrobj" nocase wide
        $b7 = "\\\\" wide
        $b8 = "/c " nocase wide
        $b9 = "-urlcache" nocase wide
    condition:
        uint32be(0) == 0x4C000000 and uint32be(4) == 0x01140200 and filesize < 8MB and any of ($a*) and any of ($b*)
}

rule lnk_command_line {
    meta:
        author = "sluss"
        description = "A shortcut that gives the command line a chain of commands"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $cmd1 = "cmd.exe" nocase ascii wide
        $cmd2 = "%comspec%" nocase ascii wide
        $how1 = "/c " nocase wide
        $how2 = "/k " nocase wide
        $how3 = "/v" nocase wide
        $do1 = "curl" nocase wide
        $do2 = "certutil" nocase wide
        $do3 = "bitsadmin" nocase wide
        $do4 = "rundll32" nocase wide
        $do5 = "msiexec" nocase wide
        $do6 = "findstr" nocase wide
        $do7 = "start /min" nocase wide
        $do8 = "start /b" nocase wide
        $do9 = "%temp%" nocase wide
        $doa = "%appdata%" nocase wide
        $dob = "&&" wide
        $doc = "ftp -s" nocase wide
        $dod = "copy /b" nocase wide
        $doe = ".bat" nocase wide
        $dof = ".cmd" nocase wide
        $dog = "powershell" nocase wide
        $doh = "mshta" nocase wide
    condition:
        uint32be(0) == 0x4C000000 and uint32be(4) == 0x01140200 and filesize < 8MB and any of ($cmd*) and any of ($how*) and any of ($do*)
}

rule lnk_remote_program {
    meta:
        author = "sluss"
        description = "A shortcut to a program on a web share"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = "DavWWWRoot" nocase ascii wide
        $b = "@SSL\\" nocase ascii wide
        $c = "@80\\" ascii wide
        $d = "@8080\\" ascii wide
        $e = ".trycloudflare.com" nocase ascii wide
    condition:
        uint32be(0) == 0x4C000000 and uint32be(4) == 0x01140200 and filesize < 8MB and any of them
}

rule lnk_with_program_behind {
    meta:
        author = "sluss"
        description = "A shortcut with a program or archive hung on behind"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1027/009/"
    strings:
        $a = "This program cannot be run in DOS mode"
        $b = { 50 4B 03 04 14 00 }
        $c = "%PDF-1."
        $d = "<script" nocase
        $e = "<hta:application" nocase
    condition:
        uint32be(0) == 0x4C000000 and uint32be(4) == 0x01140200 and any of them
}

rule url_file_on_remote_share {
    meta:
        author = "sluss"
        description = "An internet shortcut to a file on a share given by address or on a web share"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1187/"
    strings:
        $head = "[InternetShortcut]" nocase
        $a = /URL=\s{0,2}["']?(file:[\/\\]{2,5}|\\\\)[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[\/\\@:]/ nocase
        $b = /URL=\s{0,2}["']?(file:[\/\\]{2,5}|\\\\)[^\r\n]{1,200}(@SSL|@80\/|@80\\|@443\/|@443\\|@8080|DavWWWRoot)/ nocase
    condition:
        filesize < 64KB and $head in (0..512) and any of ($a, $b)
}

rule url_file_remote {
    meta:
        author = "sluss"
        description = "An internet shortcut to a file on another machine"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1187/"
    strings:
        $head = "[InternetShortcut]" nocase
        $a = /URL=\s{0,2}["']?(file:[\/\\]{2,5}|\\\\)[a-z0-9-]{1,63}\.[a-z0-9-]/ nocase
        $b = /IconFile\s{0,2}=\s{0,2}(\\\\|https?:|file:[\/\\]{2,5})[a-z0-9-]{1,63}\.[a-z0-9-]/ nocase
        $favicon = /IconFile\s{0,2}=\s{0,2}https?:[^\r\n]{1,200}(favicon|\.ico)/ nocase
    condition:
        filesize < 64KB and $head in (0..512) and ($a or ($b and not $favicon))
}

rule url_file_starts_script {
    meta:
        author = "sluss"
        description = "An internet shortcut to a program or script"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $head = "[InternetShortcut]" nocase
        $a = /URL=\s{0,2}["']?(file:|\\\\)[^\r\n]{1,300}\.((exe|js|jse|vbs|vbe|hta|wsf|bat|cmd|lnk|scr|cpl|jar|ps1|url)\b|zip[\/\\])/ nocase
    condition:
        filesize < 64KB and $head in (0..512) and $a
}

rule setting_content {
    meta:
        author = "sluss"
        description = "A settings shortcut that starts a command"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = "<PCSettings" nocase
        $b = "<DeepLink>" nocase
        $c = /<DeepLink>[^<]{0,300}(cmd\.exe|powershell|mshta|rundll32|regsvr32|wscript|cscript|https?:)/ nocase
    condition:
        filesize < 256KB and all of them
}

rule library_remote {
    meta:
        author = "sluss"
        description = "A library or search file that shows a remote folder as a local one"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = "<libraryDescription" nocase
        $b = "<searchConnectorDescription" nocase
        $url = /<url>\s{0,8}(\\\\|https?:|file:[\/\\]{2,4}[a-z0-9])/ nocase
    condition:
        filesize < 256KB and any of ($a, $b) and $url
}

rule jnlp_all_permissions {
    meta:
        author = "sluss"
        description = "A Java start file that asks for all rights"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = /<jnlp\b/ nocase
        $b = "<all-permissions" nocase
        $c = /(codebase|href)\s{0,2}=\s{0,2}["']https?:/ nocase
    condition:
        filesize < 256KB and all of them
}

rule rdp_shares_drives {
    meta:
        author = "sluss"
        description = "A remote desktop file that gives the other side the drives or starts its program"
        severity = "suspicious"
        reference = "https://learn.microsoft.com/windows-server/remote/remote-desktop-services/clients/rdp-files"
    strings:
        $host = "full address:s:" nocase ascii wide
        $a = "drivestoredirect:s:*" nocase ascii wide
        $b = "remoteapplicationmode:i:1" nocase ascii wide
        $c = "redirectclipboard:i:1" nocase ascii wide
    condition:
        filesize < 64KB and $host and $a and any of ($b, $c)
}

rule console_file_runs_script {
    meta:
        author = "sluss"
        description = "A management console file that runs a script"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1218/014/"
    strings:
        $a = "<MMC_ConsoleFile" nocase
        $b = "apds.dll" nocase
        $c = "javascript:" nocase
        $d = /<script/ nocase
        $e = /&lt;script/ nocase
    condition:
        filesize < 8MB and $a and any of ($b, $c, $d, $e)
}

rule setup_information_runs {
    meta:
        author = "sluss"
        description = "A setup information file that runs commands"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1218/003/"
    strings:
        $a = "[DefaultInstall" nocase
        $b = "RunPreSetupCommands" nocase
        $c = "UnRegisterOCXs" nocase
        $d = "scrobj.dll" nocase
    condition:
        filesize < 256KB and $a and ($b or ($c and $d))
}

rule registry_file_start {
    meta:
        author = "sluss"
        description = "A registry file that enters a program into the start of Windows"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1547/001/"
    strings:
        $a = "Windows Registry Editor Version 5" ascii wide
        $b = "REGEDIT4"
        $run = /\\CurrentVersion\\Run(Once)?\]/ nocase ascii wide
    condition:
        filesize < 4MB and ($a in (0..16) or $b in (0..16)) and $run
}

rule lnk_file {
    meta:
        author = "sluss"
        description = "A Windows shortcut"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    condition:
        uint32be(0) == 0x4C000000 and uint32be(4) == 0x01140200 and uint32be(8) == 0x00000000 and filesize < 64MB
}

rule theme_from_share {
    meta:
        author = "sluss"
        description = "A Windows theme that fetches a picture or program from another machine"
        severity = "suspicious"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2024-21320"
    strings:
        $a = "[Theme]" nocase
        $b = /(BrandImage|Wallpaper|Path|SCRNSAVE\.EXE)=\s{0,2}(\\\\|file:[\/\\]{2}|https?:)/ nocase
    condition:
        filesize < 64KB and all of them
}
